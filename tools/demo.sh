#!/bin/sh
# tools/demo.sh [PIPE]: the team's Friday release, from the first branch to the
# published release, on the simulated world that is inside the binary. Needs
# nothing and touches nothing: its state lives in a folder that is removed.
set -eu
cd "$(dirname "$0")/.."
pipe=${1:-build/pipe}
PIPE_STATE=$(mktemp -d)
export PIPE_STATE
trap 'rm -rf "$PIPE_STATE"' EXIT
trap 'exit 130' INT TERM

say()
{
	printf '\n$ pipe %s\n' "$*"
	# shellcheck disable=SC2086
	${PIPE_WRAP-} "$pipe" "$@"
}

say run pipelines/release-friday.lua --sim --yes
say show
say audit verify
