"""The fields of the words, as stdlib/types has them: the language takes each of them, and
docs/language.md names it."""

import os
import re
import subprocess
import sys

ROOT = sys.argv[1]
BODY = 'step "inner" { run = function () end }'


def read(path):
    with open(f"{ROOT}/{path}", encoding="utf-8") as f:
        return f.read()


def refused(kind, field):
    """Whether the language does not know the field; it cannot like the value."""
    given = f"{field} = false"
    if kind == "pipeline":
        script = f'return pipeline "p" {{ {given}, {BODY} }}'
    else:
        inner = BODY if kind in ("parallel", "each") else ""
        script = f'return pipeline "p" {{ version = "1.0.0", {kind} "s" {{ {given}, {inner} }} }}'
    with open("script.lua", "w", encoding="utf-8") as f:
        f.write(script)
    got = subprocess.run([os.environ["PIPE"], "run", "script.lua", "--dry-run"],
                         capture_output=True, text=True, check=False)
    return f'has no field "{field}"' in got.stderr


types, manual = read("stdlib/types/pipe.lua"), read("docs/language.md")
blocks = {kind: re.findall(r"---@field (\w+)", fields)
          for kind, fields in re.findall(r"---@class pipe\.(\w+)\b[^\n]*\n((?:---@field.*\n)*)", types)}
assert refused("step", "nonsense") and refused("pipeline", "nonsense"), "the check itself is broken"
for kind in ("pipeline", "step", "gate", "manual", "wait", "parallel", "each"):
    for field in blocks[kind] + (blocks["every_kind"] if kind != "pipeline" else []):
        if refused(kind, field):
            sys.exit(f"stdlib/types: the language knows no {field} of {kind}")
        if f"`{field}`" not in manual:
            sys.exit(f"docs/language.md does not name {field} of {kind}")
print("the words are the same everywhere")
