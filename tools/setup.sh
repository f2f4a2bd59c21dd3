#!/bin/sh
# Sees to it that what the build needs is installed, and writes down where it
# is.  tools/setup.sh [--config FILE] GROUP…   groups: build, test, tools, contract.
#
# Where nothing is missing this costs one dpkg-query and no network.
set -eu

config=
if [ "${1-}" = --config ]; then
	config=$2
	shift 2
fi
[ $# -gt 0 ] || set -- build

# One package a word; a|b means either will do, and a is what gets installed.
packages()
{
	for group; do
		case $group in
		build)
			echo gcc libc6-dev make pkg-config ca-certificates
			echo liblua5.4-dev lua-cjson-dev libuv1-dev libyaml-dev libssl-dev
			echo 'libcurl4-openssl-dev|libcurl4-gnutls-dev|libcurl4-nss-dev'
			echo libgit2-dev libmicrohttpd-dev libpq-dev
			;;
		test)
			echo git curl python3 openssh-client openssl lua5.4
			echo postgresql
			;;
		tools)
			echo clang libclang-rt-dev clang-format cppcheck valgrind
			;;
		contract)
			# Those that there are may be from elsewhere than Debian.
			command -v node >/dev/null || echo nodejs
			command -v npm >/dev/null || echo npm
			;;
		*)
			echo "tools/setup.sh: no group '$group': build, test, tools or contract" >&2
			exit 2
			;;
		esac
	done
}

# Debian's package makes a cluster of its own and starts it; the tests make theirs.
cluster_conf=/etc/postgresql-common/createcluster.d/pipe.conf

without_clusters()
{
	$as_root mkdir -p "${cluster_conf%/*}"
	echo 'create_main_cluster = false' | $as_root tee "$cluster_conf" >/dev/null
}

with_clusters()
{
	$as_root rm -f "$cluster_conf"
}

setup_debian()
{
	wanted=$(packages "$@")
	[ "$wanted" ] || return 0
	names=$(echo "$wanted" | tr '|' ' ')
	# shellcheck disable=SC2086
	have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $names 2>/dev/null |
	    sed -n 's/^installed //p')
	missing=
	for want in $wanted; do
		found=
		for name in $(echo "$want" | tr '|' ' '); do
			case "
$have
" in
			*"
$name
"*) found=1 ;;
			esac
		done
		[ "$found" ] || missing="$missing ${want%%|*}"
	done
	[ "$missing" ] || return 0

	as_root=
	if [ "$(id -u)" != 0 ]; then
		if ! command -v sudo >/dev/null; then
			echo "Missing packages, and this is neither root nor is there sudo. As root:" >&2
			echo "  apt-get install --no-install-recommends$missing" >&2
			exit 1
		fi
		as_root='sudo DEBIAN_FRONTEND=noninteractive'
	fi
	DEBIAN_FRONTEND=noninteractive
	export DEBIAN_FRONTEND
	echo "installing:$missing" >&2
	# A fresh container has no package lists, an old machine has stale ones.
	# A machine that has just been started may be busy upgrading itself: wait.
	apt="$as_root apt-get -q -o DPkg::Lock::Timeout=300"
	case $missing in *postgresql*) trap with_clusters EXIT && without_clusters ;; esac
	set -- "$apt install -y --no-install-recommends $missing" "$apt update"
	if ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1; then
		$1 >&2 </dev/null && return 0
		echo "once more, with fresh package lists" >&2
	fi
	$2 >&2 </dev/null
	$1 >&2 </dev/null
}

setup_mac()
{
	wanted='lua@5.4 libuv libyaml openssl@3 curl libgit2 libmicrohttpd libpq pkgconf'
	for group; do
		[ "$group" = tools ] && wanted="$wanted llvm clang-format cppcheck"
		[ "$group" = contract ] && wanted="$wanted node"
	done
	if ! command -v brew >/dev/null; then
		echo "Homebrew is needed (https://brew.sh), then: brew install $wanted" >&2
		exit 1
	fi
	missing=
	for want in $wanted; do
		brew --prefix --installed "$want" >/dev/null 2>&1 || missing="$missing $want"
	done
	if [ "$missing" ]; then
		echo "Packages are missing. Install them with:" >&2
		echo "  brew install$missing" >&2
		exit 1
	fi
	for want in $wanted; do
		PKG_CONFIG_PATH=$(brew --prefix "$want")/lib/pkgconfig:${PKG_CONFIG_PATH-}
	done
	export PKG_CONFIG_PATH
}

system=$(uname -s)
if [ "$system" = Darwin ]; then
	setup_mac "$@"
elif command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
	setup_debian "$@"
else
	echo "tools/setup.sh: no apt-get here; taking it that these are installed:" >&2
	packages "$@" | sed 's/^/  /' >&2
fi

[ "$config" ] || exit 0

# Where the headers are, as system headers: their warnings are not ours.
modules='libuv yaml-0.1 libcurl libgit2 libmicrohttpd libpq libcrypto'
for lua in lua5.4 lua-5.4 lua; do
	pkg-config --exists "$lua" 2>/dev/null && break
done
# shellcheck disable=SC2086
cflags=$(pkg-config --cflags-only-I $lua $modules | sed 's/-I/-isystem /g')

# Linked statically, so that a start pays for no library but libc: what every
# command may need. libcurl, libgit2, libmicrohttpd and libpq are opened on first use.
if [ "$system" = Darwin ]; then
	libs=
	for pair in "lua@5.4 liblua.a" "libuv libuv.a" "libyaml libyaml.a" "openssl@3 libcrypto.a"; do
		libs="$libs $(brew --prefix "${pair% *}")/lib/${pair#* }"
	done
	cjson=${CJSON_A-$(brew --prefix)/lib/liblua5.4-cjson.a}
	if [ ! -f "$cjson" ]; then
		echo "lua-cjson is not in Homebrew. Build it once:" >&2
		echo "  git clone -b 2.1.0.10 https://github.com/openresty/lua-cjson && cd lua-cjson" >&2
		echo "  cc -O2 -I\$(brew --prefix lua@5.4)/include/lua5.4 -c lua_cjson.c strbuf.c fpconv.c" >&2
		echo "  ar rcs $cjson lua_cjson.o strbuf.o fpconv.o" >&2
		exit 1
	fi
	libs="$cjson$libs -lm"
else
	libs='-l:liblua5.4-cjson.a -l:liblua5.4.a -l:libuv_a.a -l:libyaml.a -l:libcrypto.a -ldl -lpthread -lm'
fi

mkdir -p "$(dirname "$config")"
{
	echo "# Written by tools/setup.sh; delete it to have it found out again."
	echo "LIB_CFLAGS := $cflags"
	echo "LIBS := $libs"
} >"$config.new"
mv "$config.new" "$config"
