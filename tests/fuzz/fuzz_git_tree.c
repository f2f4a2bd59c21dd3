/* The raw tree objects that git.changed walks: any bytes, entry by entry, both as
 * they are and compared with themselves from another place. */
#include "../../interp/host/git_tree.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct cursor a = {bytes, bytes + n}, b = {bytes + n / 2, bytes + n};
	struct entry x, y;

	while (next(&a, &x)) {
		if (!x.len || memchr(x.name, 0, x.len) || a.at > a.end)
			abort();
		if (order(&x, &x) != 0)
			abort();
		if (next(&b, &y) && (order(&x, &y) < 0) != (order(&y, &x) > 0))
			abort();
		(void)holds("apps/api/", "apps/api/x");
	}
	return 0;
}
