#!/usr/bin/env python3
"""A loopback server of odd answers, for the tests of http.

Prints one line, "PORT PORT TLSPORT" (two plain ports, so that a redirect can leave
its origin; the last is 0 without --tls), and ends when its input ends.

  odd_server.py [--tls DIR]   makes a CA and a certificate for localhost in DIR
                              (ca.pem, other.pem: a CA that signed nothing)

The first part of the path names what it does; see ODD below. /seen/KEY answers how
often, and with which headers, requests whose query holds key=KEY have come;
/connections how many connections were opened.
"""

import gzip
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.parse

SEEN = {}
CONNECTIONS = [0]
LOCK = threading.Lock()
ODD = {}
PORTS = []


def odd(f):
    ODD[f.__name__.strip("_").replace("_", "-")] = f
    return f


class Gone(Exception):
    pass


class Request:
    """One request read from a connection. answer() is the ordinary way back."""

    def __init__(self, sock, method, target, headers, body, nth):
        self.sock, self.method, self.headers, self.body = sock, method, headers, body
        self.nth = nth  # on this connection, from 1
        url = urllib.parse.urlsplit(target)
        self.target, self.path = target, url.path
        self.parts = url.path.strip("/").split("/")
        self.query = dict(urllib.parse.parse_qsl(url.query))
        self.count = 0

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def answer(self, status=200, body=b"", headers=()):
        if isinstance(body, str):
            body = body.encode()
        lines = ["HTTP/1.1 %d Odd" % status, "Content-Length: %d" % len(body)]
        lines += ["%s: %s" % h for h in headers]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        self.send(head if self.method == "HEAD" else head + body)

    def json(self, value, status=200, headers=()):
        self.answer(
            status, json.dumps(value), [("Content-Type", "application/json"), *headers]
        )

    def raw(self, data):
        """Sends bytes as they are and closes."""
        self.send(data)
        raise Gone


@odd
def ok(r):
    r.json({"ok": True})


@odd
def echo(r):
    r.json(
        {
            "method": r.method,
            "target": r.target,
            "headers": r.headers,
            "body": r.body.decode("latin-1"),
        }
    )


@odd
def status(r):
    r.answer(int(r.parts[1]), r.query.get("body", "odd"))


@odd
def flaky(r):
    """/flaky/N?key=: 502 in HTML N times, then 200."""
    if r.count <= int(r.parts[1]):
        r.answer(502, "<html><h1>Bad\x07 Gateway</h1></html>", [("Content-Type", "text/html")])
    else:
        r.json({"count": r.count})


@odd
def busy(r):
    """/busy/STATUS/SECONDS?key=: once, then 200."""
    if r.count == 1:
        r.answer(int(r.parts[1]), "slow down", [("Retry-After", r.parts[2].replace("_", " "))])
    else:
        r.json({"count": r.count})


@odd
def spent(r):
    """/spent/SECONDS?now=: 403 as GitHub's, reset so many seconds after now."""
    if r.count == 1:
        reset = int(r.query["now"]) + int(r.parts[1])
        r.answer(403, "limit", [("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", reset)])
    else:
        r.json({"count": r.count})


@odd
def to(r):
    """/to/CODE?url=: a redirect."""
    r.answer(int(r.parts[1]), "elsewhere", [("Location", r.query["url"])])


@odd
def loop(r):
    r.answer(302, "again", [("Location", "/loop")])


@odd
def truncated(r):
    r.raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")


@odd
def truncated_chunked(r):
    r.raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nonly this")


@odd
def bad_chunk(r):
    r.raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nonly this")


@odd
def bad_length(r):
    r.raw("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nbody")


@odd
def slow(r):
    r.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        r.send("x")
        time.sleep(0.02)


@odd
def hang(r):
    r.sock.recv(1)
    raise Gone


@odd
def empty(r):
    raise Gone


@odd
def reset(r):
    r.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Gone


@odd
def second_dropped(r):
    """Answers the first request of a connection, drops the second unanswered."""
    if r.nth > 1:
        raise Gone
    r.json({"ok": True})


@odd
def bomb(r):
    r.answer(200, gzip.compress(bytes(32 << 20), 9), [("Content-Encoding", "gzip")])


@odd
def zipped(r):
    r.answer(
        200,
        gzip.compress(b'{"zipped":true}'),
        [("Content-Encoding", "gzip"), ("Content-Type", "application/vnd.odd+json; charset=utf-8")],
    )


@odd
def bad_gzip(r):
    r.answer(200, b"this is no gzip at all", [("Content-Encoding", "gzip")])


@odd
def large(r):
    r.answer(200, bytes(int(r.parts[1])))


@odd
def many_headers(r):
    r.answer(200, "x", [("X-%d" % i, "y") for i in range(150)])


@odd
def endless_headers(r):
    r.send("HTTP/1.1 200 OK\r\n")
    while True:
        r.send("X-A: %s\r\n" % ("y" * 8000))


@odd
def endless_1xx(r):
    while True:
        r.send("HTTP/1.1 103 Early Hints\r\nLink: %s\r\n\r\n" % ("y" * 4000))


@odd
def long_line(r):
    r.raw("HTTP/1.1 200 OK\r\nX-A: %s\r\nContent-Length: 0\r\n\r\n" % ("y" * 200000))


@odd
def nul_header(r):
    r.raw(b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n")


@odd
def escape_header(r):
    r.raw(b"HTTP/1.1 200 OK\r\nX-A: a\x1b[31mb\r\nContent-Length: 0\r\n\r\n")


@odd
def folded_header(r):
    r.raw(b"HTTP/1.1 200 OK\r\nX-A: one\r\n  two\r\nContent-Length: 0\r\n\r\n")


@odd
def not_http(r):
    r.raw("SSH-2.0-OpenSSH_9.2\r\n")


@odd
def nul_body(r):
    r.answer(200, b"a\0b\xff")


@odd
def cookies(r):
    r.answer(
        200, "", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-A", "one"), ("x-a", "two")]
    )


@odd
def bad_json(r):
    r.answer(200, '{"cut":', [("Content-Type", "application/json")])


@odd
def seen(r):
    with LOCK:
        r.json(SEEN.get(r.parts[1], []))


@odd
def connections(r):
    r.json(CONNECTIONS[0])


def read_chunked(f):
    body = b""
    while True:
        n = int(f.readline().strip() or b"0", 16)
        body += f.read(n)
        f.readline()
        if n == 0:
            return body


def read_request(sock, f, nth):
    line = f.readline().decode("latin-1").split()
    if len(line) < 3:
        raise Gone
    headers = {}
    while True:
        h = f.readline().decode("latin-1").rstrip("\r\n")
        if not h:
            break
        name, _, value = h.partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        body = read_chunked(f)
    else:
        body = f.read(int(headers.get("content-length", 0)))
    return Request(sock, line[0], line[1], headers, body, nth)


def note(r):
    key = r.query.get("key")
    if not key:
        return
    with LOCK:
        log = SEEN.setdefault(key, [])
        log.append({"method": r.method, "headers": r.headers, "target": r.target})
        r.count = len(log)


def converse(sock, context):
    try:
        if context:
            sock = context.wrap_socket(sock, server_side=True)
        f = sock.makefile("rb")
        nth = 0
        while True:
            nth += 1
            r = read_request(sock, f, nth)
            note(r)
            ODD.get(r.parts[0], lambda q: q.answer(404, "no such oddity"))(r)
    except (Gone, OSError, ValueError, LookupError):
        pass
    finally:
        f = r = None  # they hold the socket open
        sock.close()


def serve(listener, context):
    while True:
        sock, _ = listener.accept()
        with LOCK:
            CONNECTIONS[0] += 1
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=converse, args=(sock, context), daemon=True).start()


def listen(context=None):
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    threading.Thread(target=serve, args=(listener, context), daemon=True).start()
    return listener.getsockname()[1]


def openssl(*args):
    subprocess.run(
        ["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def make_ca(folder, name):
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem", "-days", "30",
        "-subj", f"/CN=odd {name}",
    )


def make_certificate(folder):
    make_ca(folder, "ca")
    make_ca(folder, "other")
    with open(f"{folder}/names", "w") as f:
        f.write("subjectAltName=DNS:localhost\n")
    openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", f"{folder}/server.key", "-out", f"{folder}/server.csr",
        "-subj", "/CN=localhost",
    )
    openssl(
        "x509", "-req", "-in", f"{folder}/server.csr", "-CA", f"{folder}/ca.pem",
        "-CAkey", f"{folder}/ca.key", "-CAcreateserial", "-days", "30",
        "-extfile", f"{folder}/names", "-out", f"{folder}/server.pem",
    )


def main():
    context = None
    if sys.argv[1:2] == ["--tls"]:
        folder = sys.argv[2]
        make_certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
    ports = [listen(), listen(), listen(context) if context else 0]
    print(*ports, flush=True)
    sys.stdin.read()
    os._exit(0)


main()
