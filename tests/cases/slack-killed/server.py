"""A webhook that takes the first message and never answers, and takes the second one."""
import http.server
import threading

got = []


class Webhook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        got.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        with open("got", "a", encoding="utf-8") as f:
            f.write(got[-1] + "\n")
        if len(got) == 1:
            threading.Event().wait(20)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
server.daemon_threads = True
with open("port", "w", encoding="utf-8") as f:
    f.write(f"{server.server_port}\n")
server.serve_forever()
