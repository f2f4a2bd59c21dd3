#!/bin/sh
# A PostgreSQL server of a test's own: a fresh cluster in a folder that goes away,
# on 127.0.0.1 at a port of its own and on a socket, with a password.
#
#   postgres.sh run COMMAND…   for as long as COMMAND runs, whose exit code it
#                              has; $PIPE_POSTGRES is the URL of the superuser
#   postgres.sh start          prints that URL, and the server goes on …
#   postgres.sh stop URL       … until this
#
# For the command: $PIPE_POSTGRES_SOCKET is the folder with the socket and, if there
# is an openssl, server.crt: then the server speaks TLS, too. Where no server is
# installed, the last line says so, and the exit code is 77.
#
# The server does not run as root. It keeps nothing safe: no fsync.
set -eu

skip()
{
	echo "skipped: $1" >&2
	echo "skipped: $1"
	exit 77
}

find_binaries()
{
	for bin in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -Vr) \
	    /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin \
	    "$(dirname "$(command -v pg_ctl || echo /nowhere/x)")"; do
		[ -x "$bin/initdb" ] && [ -x "$bin/pg_ctl" ] && [ -x "$bin/postgres" ] && return
	done
	skip "no PostgreSQL server here (Debian: apt install postgresql)"
}

# As whom the server runs: ourselves, but not root.
choose_user()
{
	owner=
	[ "$(id -u)" = 0 ] || return 0
	for owner in postgres nobody; do
		id "$owner" >/dev/null 2>&1 && return
	done
	skip "PostgreSQL does not run as root, and there is no other user"
}

as_owner()
{
	if [ -z "$owner" ]; then
		"$@"
	elif command -v setpriv >/dev/null; then
		setpriv --reuid "$owner" --regid "$(id -g "$owner")" --clear-groups "$@"
	elif command -v runuser >/dev/null; then
		runuser -u "$owner" -- "$@"
	else
		sudo -n -u "$owner" "$@"
	fi
}

# By the folder: it is in the URL's place for the application's name.
folder_of()
{
	folder=${1##*application_name=}
	case $folder in
	pl-pg-??????) folder=/tmp/$folder ;;
	*) folder= ;;
	esac
	[ -d "$folder/data" ] || {
		echo "postgres.sh: \"$1\" is not what \`postgres.sh start\` printed" >&2
		exit 2
	}
}

random()
{
	od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'
}

configure()
{
	cat >>"$folder/data/postgresql.conf" <<-END
		listen_addresses = '127.0.0.1'
		unix_socket_directories = '$folder'
		max_connections = 40
		max_prepared_transactions = 4
		shared_buffers = 16MB
		fsync = off
		synchronous_commit = off
		full_page_writes = off
		autovacuum = off
		log_timezone = UTC
		timezone = UTC
	END
	command -v openssl >/dev/null || return 0
	as_owner openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
	    -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
	    -keyout "$folder/server.key" -out "$folder/server.crt" 2>/dev/null || return 0
	as_owner chmod 600 "$folder/server.key"
	cat >>"$folder/data/postgresql.conf" <<-END
		ssl = on
		ssl_cert_file = '$folder/server.crt'
		ssl_key_file = '$folder/server.key'
	END
}

# Somebody may take the port between choosing it and using it: another one then.
launch()
{
	for try in 1 2 3 4 5 6 7 8; do
		port=$((20000 + 0x$(random 2) % 40000))
		as_owner "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -o "-p $port" -w -t 60 \
		    start >/dev/null 2>&1 && return
		grep -q 'could not bind' "$folder/log" || break
	done
	echo "postgres.sh: the server does not start:" >&2
	tail -5 "$folder/log" >&2
	return 1
}

start()
{
	find_binaries
	choose_user
	# Not in TMPDIR: the path of a socket is at most 107 bytes long, and another
	# user must come through to it.
	folder=$(mktemp -d /tmp/pl-pg-XXXXXX)
	trap 'stop; exit 1' EXIT
	trap 'exit 1' HUP INT TERM
	chmod 755 "$folder"
	[ -z "$owner" ] || chown "$owner" "$folder"
	password=$(random 12)
	cd "$folder"
	unset PGDATA PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD PGOPTIONS PGSERVICE
	(umask 077 && echo "$password" >"$folder/password")
	[ -z "$owner" ] || chown "$owner" "$folder/password"
	as_owner env HOME="$folder" "$bin/initdb" -D "$folder/data" -U postgres -A scram-sha-256 \
	    --pwfile="$folder/password" -E UTF8 --no-locale --no-sync --no-instructions \
	    >"$folder/initdb.log" 2>&1 || {
		cat "$folder/initdb.log" >&2
		exit 1
	}
	configure
	launch || exit 1
	url="postgres://postgres:$password@127.0.0.1:$port/postgres?application_name=${folder##*/}"
}

stop()
{
	trap '' HUP INT TERM
	trap - EXIT
	cd /
	if [ -f "$folder/data/postmaster.pid" ]; then
		as_owner "$bin/pg_ctl" -D "$folder/data" -m immediate -w -t 60 stop >/dev/null 2>&1 ||
		    echo "postgres.sh: the server in $folder does not stop" >&2
	fi
	rm -rf "$folder"
}

case ${1-} in
run)
	shift
	[ $# -gt 0 ] || set -- true
	here=$(pwd)
	start
	cd "$here"
	PIPE_POSTGRES=$url PIPE_POSTGRES_SOCKET=$folder
	export PIPE_POSTGRES PIPE_POSTGRES_SOCKET
	code=0
	"$@" || code=$?
	stop
	exit $code
	;;
start)
	start
	trap - EXIT HUP INT TERM
	echo "$url"
	;;
stop)
	folder_of "${2-}"
	find_binaries
	choose_user
	stop
	;;
*)
	echo "usage: postgres.sh run COMMAND… | start | stop URL" >&2
	exit 2
	;;
esac
