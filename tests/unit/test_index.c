/* The engine's lookups: what was put is found, also behind many others. */
#include <stdio.h>
#include <stdlib.h>

#include "../../interp/engine/inner.h"
#include "check.h"

static void empty(void)
{
	struct pl_index x = {0};
	CHECK_CASE("nothing is in an empty index");
	CHECK(pl_index_get(&x, "a") == NULL);
	pl_index_fini(&x);
	pl_index_fini(&x);
}

static void replaced(void)
{
	struct pl_index x = {0};
	int one = 1, two = 2;
	CHECK_CASE("the last value of a key is its value");
	pl_index_put(&x, "key", &one);
	pl_index_put(&x, "key", &two);
	CHECK(pl_index_get(&x, "key") == &two);
	CHECK_INT(x.used, 1);
	pl_index_put(&x, "", &one);
	CHECK(pl_index_get(&x, "") == &one);
	CHECK(pl_index_get(&x, "ke") == NULL);
	pl_index_fini(&x);
}

static void many(void)
{
	enum { N = 5000 };
	struct pl_index x = {0};
	char(*keys)[24] = pl_alloc(N * sizeof *keys);
	CHECK_CASE("each of many keys has its own value");
	for (int i = 0; i < N; i++) {
		snprintf(keys[i], sizeof keys[i], "step[%d]@%d", i, i % 7);
		pl_index_put(&x, keys[i], keys[i]);
	}
	int wrong = 0;
	for (int i = 0; i < N; i++)
		wrong += pl_index_get(&x, keys[i]) != keys[i];
	CHECK_INT(wrong, 0);
	CHECK_INT(x.used, N);
	CHECK(x.used < x.cap);
	CHECK(pl_index_get(&x, "step[5000]@2") == NULL);
	pl_index_fini(&x);
	free(keys);
}

int main(void)
{
	empty();
	replaced();
	many();
	return check_end();
}
