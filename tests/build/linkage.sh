# A start must not pay for libraries that the command may never need: the binary
# asks the loader for libc's own parts only, and holds no more of libcrypto than
# SHA-256 (the rest brings thousands of relocations, and its own initialisation).
set -eu
[ "$(uname -s)" = Linux ] || { echo "only Linux has ldd"; exit 77; }
case $PIPE_BUILD in */asan) echo "the sanitizers bring libraries of their own"; exit 77 ;; esac
binary=$PIPE_BUILD/pipe
[ -x "$binary" ] || { echo "FAIL there is no $binary"; exit 1; }
ldd "$binary" | grep -vE '^[[:space:]]*(linux-vdso|libc\.so|libm\.so|/lib.*/ld-linux)' && {
	echo "FAIL shared libraries beyond libc and libm"
	exit 1
}
nm "$binary" 2>/dev/null | grep -E ' [Tt] (EVP_DigestInit_ex|OPENSSL_init_crypto|git_repository_open|curl_easy_init)$' && {
	echo "FAIL linked in whole: something uses more than it may"
	exit 1
}
exit 0
