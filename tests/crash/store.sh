#!/bin/sh
# Builds store_nth with the system calls wrapped, and runs it.
set -eu
root=${PIPE_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
cc=${CC:-cc}
flags='-std=c11 -D_POSIX_C_SOURCE=200809L -D_XOPEN_SOURCE=700 -D_DEFAULT_SOURCE -O1 -g'
wraps=
for call in write open fsync fdatasync ftruncate rename mkdir pread; do
	wraps="$wraps -Wl,--wrap=$call"
done
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
echo 'int main(void){return 0;}' >"$box/probe.c"
if ! $cc -Wl,--wrap=write -o "$box/probe" "$box/probe.c" 2>/dev/null; then
	echo "the linker has no --wrap"
	exit 77
fi
# shellcheck disable=SC2086 # lists of flags
$cc $flags -DPL_VERSION_TEXT='"0"' ${CPPFLAGS:-} $wraps -o "$box/store_nth" \
	"$root/tests/crash/store_nth.c" "$root"/interp/store/*.c "$root"/interp/base/*.c \
	${LDFLAGS:-} -lcrypto -lm
TMPDIR=$box "$box/store_nth"
