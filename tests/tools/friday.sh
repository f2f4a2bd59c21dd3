# For the cases of the Friday release: . "$PIPE_ROOT/tests/tools/friday.sh"
# shellcheck shell=sh
state=$PWD/state
script=$PIPE_ROOT/pipelines/release-friday.lua

# world NAME: of tests/worlds, or a file here; `default` is the one that is built in.
world()
{
	case $1 in
	default) world= ;;
	*/*) world=$1 ;;
	*) world=$PIPE_ROOT/tests/worlds/$1.yaml ;;
	esac
}

# friday WORLD [ARGUMENT…]: the release in that world.
friday()
{
	world "$1"
	shift
	"$PIPE" run "$script" --sim="$world" --state="$state" "$@"
}

# What reached the outside: the world's ledger, and where its branches are.
ledger()
{
	"$PIPE" sim ledger --world="$world" --state="$state" |
	    sed -e 's/^ *[0-9][0-9]*  [^ ]*  *//' -e 's/^/ledger: /'
	folder=${world##*/}
	git -C "$state/sim/$(expr "${folder:-default}" : '\([^.]*\)')/git/impulse.git" for-each-ref \
	    --format='branch: %(refname:lstrip=2) %(objectname:short=7)' refs/heads
}

# later TIME: so much of it passes in the world.
later()
{
	"$PIPE" sim wait "$1" --world="$world" --state="$state"
}

# The last lines of a case: what reached the outside, and the exit code of the release.
finish()
{
	code=$?
	ledger
	exit "$code"
}
