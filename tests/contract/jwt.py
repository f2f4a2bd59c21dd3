#!/usr/bin/env python3
"""Tokens signed with ES256, judged by the openssl program: the key pair belongs
together, each signature fits, and none fits another text."""

import base64
import os
import subprocess
import sys
import tempfile

UNIT = os.path.join(os.environ["PIPE_BUILD"], "tests/unit/test_jwt")


def number(raw):
    raw = raw.lstrip(b"\0") or b"\0"
    raw = b"\0" + raw if raw[0] & 0x80 else raw
    return bytes([2, len(raw)]) + raw


def der(raw):
    both = number(raw[:32]) + number(raw[32:])
    return bytes([0x30, len(both)]) + both


def openssl(*args):
    return subprocess.run(["openssl", *args], capture_output=True, text=True)


def look(seed, folder):
    out = subprocess.run([UNIT, "--show", seed], capture_output=True, text=True, check=True).stdout
    end = "-----END PUBLIC KEY-----\n"
    keys, token = out.split(end)
    private, public = keys.split("-----BEGIN PUBLIC KEY-----")
    signed, signature = token.strip().rsplit(".", 1)
    assert "=" not in signature and len(signature) == 86, signature
    raw = base64.urlsafe_b64decode(signature + "==")
    for name, data in {"key": private, "pub": "-----BEGIN PUBLIC KEY-----" + public + end,
                       "text": signed, "other": signed + "x"}.items():
        with open(os.path.join(folder, name), "w", encoding="ascii") as f:
            f.write(data)
    with open(os.path.join(folder, "sig"), "wb") as f:
        f.write(der(raw))
    path = lambda name: os.path.join(folder, name)
    made = openssl("pkey", "-in", path("key"), "-pubout").stdout
    assert made == open(path("pub"), encoding="ascii").read(), "the public key is of another private one"
    assert "PRIVATE KEY" in openssl("pkey", "-in", path("key"), "-check").stdout
    judge = lambda text: openssl("dgst", "-sha256", "-verify", path("pub"), "-signature",
                                 path("sig"), path(text)).returncode
    assert judge("text") == 0, "openssl refuses a good signature"
    assert judge("other") != 0, "openssl takes a wrong signature"


if not os.path.exists(UNIT):
    print("the unit tests are not built")
    sys.exit(77)
with tempfile.TemporaryDirectory() as scratch:
    for i in range(20):
        look(f"seed {i}", scratch)
print("20 tokens are good")
