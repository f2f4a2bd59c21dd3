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

# up [ARGUMENT…]: serves the world over TCP; sets $url and $server.
up()
{
	: >up.json
	"$PIPE" sim up --json --world="$world" --state="$state" "$@" >up.json &
	server=$!
	tries=0
	while url=$(sed -n 's/^ *"url": "\(.*\)".*/\1/p' up.json) && [ -z "$url" ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || { echo 'the world does not come up'; exit 97; }
		sleep 0.05
	done
}

# Ends the server and waits for it: its state is saved then.
down()
{
	kill "${1:--TERM}" "$server"
	wait "$server"
}

# The project with its services' addresses in the world at $url: what a live run uses.
live()
{
	mkdir -p project
	cp -R "$PIPE_ROOT/pipelines" project/
	sed -e "s#https://\(api\.github\|backboard\.railway\|api\.supabase\)\.com#$url/\1.com#" \
	    -e "s#https://\(api[a-z-]*\.impulseai\.app\)#$url/\1#" \
	    -e 's/^  poll: .*/  poll: 200ms/' -e 's/^  soak: .*/  soak: 500ms/' \
	    -e 's/^  \([a-z]*\)_timeout: .*/  \1_timeout: 20s/' \
	    "$PIPE_ROOT/pipe.yaml" >project/pipe.yaml
	script=project/pipelines/release-friday.lua
	runs=$PWD/runs
	export GITHUB_TOKEN=sim-github-token SUPABASE_ACCESS_TOKEN=sim-supabase-token
	export RAILWAY_TOKEN_STAGING=sim-railway-staging-token
	export RAILWAY_TOKEN_PRODUCTION=sim-railway-production-token
}

# Ends the case if the server still runs then.
guard()
{
	# shellcheck disable=SC2064
	trap "kill $server 2>/dev/null; wait $server 2>/dev/null" EXIT
}

# What the world behind $url saw, while it is up.
ledger_at()
{
	curl -s "$url/_pipe/ledger" | sed -n 's/^ *"\(effect\|target\)": "\(.*\)".*/\2/p' |
	    paste -d' ' - - | sed 's/^/ledger: /'
}
