# For the cases of Vercel: . "$PIPE_ROOT/tests/tools/vercel.sh"
# shellcheck shell=sh
n=0

# world TEXT: the next world file, with these lines over the built-in world.
world()
{
	n=$((n + 1))
	world=$PWD/world-$n.yaml
	printf '%s\n' "$1" >"$world"
}

# go PLAN [ARGUMENT…]: tests/tools/vercel.lua in that world, and what came of it.
go()
{
	plan=$1
	shift
	"$PIPE_ROOT/tests/tools/outcome" run "$PIPE_ROOT/tests/tools/vercel.lua" "plan=$plan" \
	    --sim="$world" --state="$PWD/state" "$@" |
	    sed -e 's/dpl_[0-9a-z]*/DPL/g' -e 's/ ([^ ()]*tools.vercel.lua:[0-9]*)$//' -e '/^step: go done$/d'
}

# What the world saw, ids taken out.
ledger()
{
	"$PIPE" sim ledger --world="$world" --state="$PWD/state" |
	    sed -e 's/^ *[0-9][0-9]*  [^ ]*  *//' -e 's/dpl_[0-9a-z]*/DPL/g' -e 's/^/ledger: /'
}

# How the last run's writes were settled.
settled()
{
	"$PIPE" log --state="$PWD/state" --json | sed -n 's/.*"type": *"\(effect.unknown\|effect.settled\)".*/\1/p; s/.*"settled": *"\([a-z]*\)".*/settled: \1/p'
}
