# What the embed tool writes, a program gives back byte for byte.
set -eu
mkdir -p stdlib
printf 'local a = "\\n??/ \\200" -- \303\251 ???=\n\n\treturn a' >stdlib/tricky.lua
printf '\000\001\r\n\377123\0007\n' >stdlib/bytes.lua
: >stdlib/empty.lua
printf '"\n"' >stdlib/quote.lua
"$PIPE_BUILD/tools/embed" table.c stdlib/bytes.lua stdlib/empty.lua stdlib/quote.lua stdlib/tricky.lua
cat >main.c <<'END'
#include <stdio.h>
#include <string.h>
#include "embedded.h"
int main(int argc, char **argv)
{
	for (const struct pl_embedded *e = pl_embedded; e->name; e++)
		if (argc > 1 && strcmp(e->name, argv[1]) == 0)
			return fwrite(e->bytes, 1, e->n, stdout) == e->n ? 0 : 1;
	return 2;
}
END
${CC-cc} -std=c11 -Wall -Wextra -Werror -I "$PIPE_ROOT/interp/bind" -o main main.c table.c
for file in stdlib/*.lua; do
	./main "$file" | cmp - "$file"
done
