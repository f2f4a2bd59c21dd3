"""Git servers for the tests, on loopback: git http-backend with a few ways to fail,
and git daemon. Usage: git_server.py ROOT; prints the ports, ends with its stdin. Where
ROOT has good.pem and bad.pem (key and certificate), there are ports for https with them.

/ok/NAME.git      as it is                /auth/NAME.git   wants x-access-token:s3cret-token
/race/NAME.git    production moves to the ref `other` before a push arrives
/lost/NAME.git    takes the push, then breaks the connection before it answers
/late/NAME.git    breaks the connection while the push is still being sent
/fail/NAME.git    503    /dumb/NAME.git   403 for a push    /mute/NAME.git   no answer
"""
import base64, os, socket, socketserver, ssl, subprocess, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = sys.argv[1]
TOKEN = "Basic " + base64.b64encode(b"x-access-token:s3cret-token").decode()
hold = threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        out = b""
        while True:
            n = int(self.rfile.readline().split(b";")[0], 16)
            out += self.rfile.read(n)
            self.rfile.readline()
            if n == 0:
                return out

    def say(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def cut(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def answer(self):
        path, _, query = self.path.partition("?")
        _, mode, rest = path.split("/", 2)
        push = rest.endswith("/git-receive-pack")
        if mode == "mute":
            hold.wait(20)
            return self.cut()
        if mode == "late" and push:
            return self.cut()
        body = self.body()
        if mode == "auth" and self.headers.get("Authorization") != TOKEN:
            return self.say(401, [("WWW-Authenticate", 'Basic realm="git"')])
        if mode == "fail":
            return self.say(503)
        if mode == "dumb" and "receive-pack" in self.path:
            return self.say(403)
        if mode == "race" and push:
            subprocess.run(["git", "-C", os.path.join(ROOT, rest.split("/")[0]),
                            "update-ref", "refs/heads/production", "refs/heads/other"], check=True)
        env = dict(os.environ, GIT_PROJECT_ROOT=ROOT, GIT_HTTP_EXPORT_ALL="1", PATH_INFO="/" + rest,
                   QUERY_STRING=query, REQUEST_METHOD=self.command, REMOTE_USER="tester",
                   REMOTE_ADDR="127.0.0.1", CONTENT_TYPE=self.headers.get("Content-Type", ""),
                   CONTENT_LENGTH=str(len(body)))
        out = subprocess.run(["git", "http-backend"], input=body, env=env, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL).stdout
        if mode == "lost" and push:
            return self.cut()
        head, _, content = out.partition(b"\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.decode().split("\r\n") if line]
        status = [int(v.split()[0]) for n, v in headers if n == "Status"]
        self.say(status[0] if status else 200, [h for h in headers if h[0] != "Status"], content)

    do_GET = do_POST = answer


class Daemon(socketserver.BaseRequestHandler):
    def handle(self):
        subprocess.run(["git", "daemon", "--inetd", "--export-all", "--informative-errors",
                        "--base-path=" + ROOT, ROOT], stdin=self.request, stdout=self.request,
                       stderr=subprocess.DEVNULL)


class Threaded(socketserver.ThreadingTCPServer):
    daemon_threads = True


http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
daemon = Threaded(("127.0.0.1", 0), Daemon)
servers = [http, daemon]
for name in "good.pem", "bad.pem":
    if os.path.exists(os.path.join(ROOT, name)):
        secure = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(ROOT, name))
        secure.socket = context.wrap_socket(secure.socket, server_side=True)
        servers.append(secure)
for server in servers:
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
print(*(server.server_address[1] for server in servers), flush=True)
sys.stdin.read()
hold.set()
