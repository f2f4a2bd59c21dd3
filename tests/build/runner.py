"""The test runner sees what is wrong: each kind of failure is made once."""

import os
import shutil
import subprocess
import sys

SOURCE = os.path.join(os.environ["PIPE_ROOT"], "tests/run")
OUTSIDE = os.path.abspath("root/stray-file")

# name -> files of the case, and the words its report must have (None: it passes)
CASES = {
    "passes": ({"cmd": "echo hi; echo b1 >&2; exit 3", "expect.out": "hi\n", "expect.exit": "3\n",
                "expect.err": "^b\\d$\n!c\n"}, None),
    "has-its-own-place": ({"cmd": 'test -f data && cd "$HOME" && touch "$TMPDIR/x" "$HOME/y"',
                           "data": ""}, None),
    "filters": ({"cmd": "echo run 123", "filter": "sed s/[0-9]/N/g",
                 "expect.out": "run NNN\n"}, None),
    "uses-pipe": ({"cmd": "$PIPE a 'b c'", "expect.out": "[a][b c]\n"}, None),
    "wrong-exit": ({"cmd": "exit 4"}, "exit code 4, expected 0"),
    "wrong-out": ({"cmd": "echo a", "expect.out": "b\n"}, "stdout differs"),
    "wrong-order": ({"cmd": "echo a >&2; echo b >&2", "expect.err": "b\na\n"}, "stderr lacks"),
    "forbidden-word": ({"cmd": "echo token=abc >&2", "expect.err": "!abc\n"}, "must not have"),
    "empty": ({"data": ""}, "no `cmd`"),
    "fails-after": ({"cmd": "true", "after": "echo why; false"}, "`after` failed"),
    "leaves-a-process": ({"cmd": "sleep 100 >/dev/null 2>&1 & :"}, "was left behind"),
    "leaves-a-file": ({"cmd": f"touch {OUTSIDE}"}, "left outside"),
    "sanitizer": ({"cmd": "echo 'x.c:1:2: runtime error: bad' >&2"}, "sanitizer"),
    "skipped": ({"cmd": "false", "skip": "not today\n"}, "not today"),
}


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def run(*args):
    done = subprocess.run([sys.executable, "root/tests/run", "--pipe", "root/pipe", *args],
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def check(holds, what, text=""):
    if not holds:
        print(f"FAIL {what}\n{text}")
        sys.exit(1)


def check_cases():
    for name, (files, _) in CASES.items():
        for file, text in files.items():
            write(f"root/tests/cases/{name}/{file}", text)
    code, out = run("case", "-j", "1")
    reports = {}
    for line in out.splitlines():
        if line.startswith(("FAIL ", "skip ")):
            current = line.split()[1].rstrip(":")
            reports[current] = ""
        if reports:
            reports[current] += line + "\n"
    for name, (_, word) in CASES.items():
        report = reports.get(f"case/{name}")
        check((report is None) == (word is None), f"{name} is reported wrongly", out)
        check(word is None or word in report, f"{name} says: {word}", out)
    check(code == 1, "the runner exits with 1", out)
    failed = sum(1 for _, word in CASES.values() if word) - 1
    check(out.endswith(f"{len(CASES) - failed - 1} passed, {failed} failed, 1 skipped\n"),
          "the counts add up", out)
    code, out = run("case", "-k", "passes")
    check(code == 0 and out == "1 passed, 0 failed, 0 skipped\n", "-k chooses", out)
    code, out = run("case", "-k", "no such test")
    check(code == 1, "no test at all is a failure", out)


def check_docs():
    good = "# Page\n\n```sh run\npipe a\nmake all\n```\n\n```sh not-run: a token\npipe x\n```\n"
    write("root/README.md", good + "```sh run continue exit=3\n$ touch here\nexit 3\n```\n")
    code, out = run("docs")
    check(code == 0, "a good page passes", out)
    for wrong, word in (
            ("```sh\nls\npipe b\n```\n", "neither"),
            ("```sh run\nmake nothing\n```\n", "no target nothing"),
            ("```sh run\nfalse\n```\n", "expected exit 0")):
        write("root/README.md", good + wrong)
        code, out = run("docs")
        check(code == 1 and word in out, f"the page is wrong: {word}", out)


def main():
    write("root/pipe", "#!/bin/sh\nprintf '[%s]' \"$@\"\necho\n")
    os.chmod("root/pipe", 0o755)
    write("root/Makefile", "all:\n")
    os.makedirs("root/tests/cases")
    shutil.copy(SOURCE, "root/tests/run")
    check_cases()
    check_docs()


main()
