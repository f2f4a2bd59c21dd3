#!/bin/sh
# seconds: 420
# Holds what `pipe` sends, and what the simulated world answers, against the vendors' own
# descriptions and clients: contract.mjs.
set -eu

contract=$PIPE_ROOT/tests/contract
"$contract/install"
# The modules find their libraries beside themselves.
cp -R "$contract" here
ln -s "$PIPE_ROOT/build/npm/contract/node_modules" here/node_modules
exec node here/contract.mjs
