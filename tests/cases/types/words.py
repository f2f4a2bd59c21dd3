"""The fields of the words: in stdlib/types, in docs/language.md, in the language itself."""

import os
import re
import sys

ROOT = sys.argv[1]


def read(path):
    with open(f"{ROOT}/{path}", encoding="utf-8") as f:
        return f.read()


language = "\n".join(read(os.path.join("stdlib/lang", n)) for n in sorted(os.listdir(f"{ROOT}/stdlib/lang")))
types, manual = read("stdlib/types/pipe.lua"), read("docs/language.md")



def names(text):
    return set(re.findall(r"(\w+) = ", text))


every = names(re.search(r"local every_kind = \{(.*?)\n\}", language, re.S).group(1)) - {"timeout"}
kinds = dict(re.findall(r"^  (\w+) = \{ fields = kind_of \{(.*?)\},", language, re.S | re.M))
wanted = {kind: names(fields) for kind, fields in kinds.items()}
for kind in ("step", "wait"):
    wanted[kind].add("timeout")
wanted["every_kind"] = every
wanted["pipeline"] = names(re.search(r"local header = \{(.*?)\n\}", language, re.S).group(1))

for kind, fields in wanted.items():
    block = re.search(rf"---@class pipe\.{kind}\b.*?\n(.*?)\n(?!---@field)", types, re.S).group(1)
    have = set(re.findall(r"---@field (\w+)", block))
    if have != fields:
        sys.exit(f"stdlib/types: {kind} has {sorted(have)}, the language {sorted(fields)}")
    unsaid = [f for f in fields if f"`{f}`" not in manual]
    if unsaid:
        sys.exit(f"docs/language.md does not name {unsaid} of {kind}")
print("the words are the same everywhere")
