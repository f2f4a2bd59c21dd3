"""Holds the output that the manual shows against what its commands print.

A ```text block that directly follows a ```sh run block is shown output: each of its
lines must be found in what that block prints, in this order. A run's id may differ; a
line may show a part of a longer one.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.environ["PIPE_ROOT"]
RUN = re.compile(r"\d{8}-\d{6}-[0-9a-z]{4}")
COPIED = ("pipe.yaml", "pipelines", "examples", "README.md", "docs", "tests/worlds")


def blocks(page):
    """(line, info, text) of each fenced block, and whether only blanks precede it."""
    found, info, lines, near = [], None, [], False
    for number, line in enumerate(open(page, encoding="utf-8"), 1):
        fence = re.match(r"```+(.*)$", line)
        if fence and info is None:
            info, start, lines = fence.group(1).strip(), number, []
        elif fence:
            found.append((start, info, "".join(lines), near))
            info, near = None, True
        elif info is not None:
            lines.append(line)
        elif line.strip():
            near = False
    return found


def fresh():
    folder = tempfile.mkdtemp(dir=os.environ["TMPDIR"])
    for name in COPIED:
        source, target = os.path.join(ROOT, name), os.path.join(folder, name)
        if os.path.isdir(source):
            shutil.copytree(source, target)
        elif os.path.exists(source):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(source, target)
    return folder


def missing(shown, printed):
    """The first line shown that was not printed after the one before; None."""
    at, printed = 0, RUN.sub("RUN", printed).splitlines()
    for line in RUN.sub("RUN", shown).splitlines():
        part = line.strip()
        while part and at < len(printed) and part not in printed[at]:
            at += 1
        if part and at == len(printed):
            return line
    return None


def check(page):
    bad, folder, printed = 0, None, None
    for line, info, text, near in blocks(os.path.join(ROOT, page)):
        words = info.split()
        if words[:2] == ["sh", "run"]:
            if "make " in text:
                printed = None
                continue
            if "continue" not in words:
                folder = fresh()
            got = subprocess.run(["sh", "-e", "-c", text], cwd=folder, text=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, check=False)
            printed = got.stdout
        elif words == ["text"] and near and printed is not None:
            lost = missing(text, printed)
            if lost is not None:
                print(f"{page}:{line}: not printed: {lost}\n--- printed\n{printed}")
                bad += 1
            printed = None
        else:
            printed = None
    return bad


PAGES = ["README.md", "ARCHITECTURE.md"] + sorted(
    "docs/" + name for name in os.listdir(os.path.join(ROOT, "docs")) if name.endswith(".md"))
WRONG = sum(check(page) for page in PAGES if os.path.exists(os.path.join(ROOT, page)))
sys.exit(1 if WRONG else 0)
