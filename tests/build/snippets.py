#!/usr/bin/env python3
"""What docs/providers.md shows of examples/provider stands there, letter by letter."""

import os
import re
import sys

ROOT = os.environ["PIPE_ROOT"]
text = open(f"{ROOT}/docs/providers.md", encoding="utf-8").read()
blocks = re.findall(r"^```lua from=(\S+)\n(.*?)^```", text, re.M | re.S)
wrong = 0
for name, block in blocks:
    whole = open(f"{ROOT}/examples/provider/{name}", encoding="utf-8").read()
    if block not in whole:
        wrong += 1
        print(f"FAIL docs/providers.md: this does not stand in examples/provider/{name}:\n{block}")
if len(blocks) < 8:
    wrong += 1
    print(f"FAIL docs/providers.md: only {len(blocks)} blocks say where they are from")
sys.exit(1 if wrong else 0)
