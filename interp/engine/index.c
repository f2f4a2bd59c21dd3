#include <stdlib.h>
#include <string.h>

#include "inner.h"

struct pl_slot {
	const char *key;
	void *value;
};

/* FNV-1a: short keys, no hostile input (keys are ours). */
static size_t spread(const char *key)
{
	uint64_t h = 1469598103934665603u;
	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * 1099511628211u;
	return (size_t)(h ^ (h >> 32));
}

static struct pl_slot *place(struct pl_slot *slots, size_t cap, const char *key)
{
	size_t i = spread(key) & (cap - 1);
	while (slots[i].key && strcmp(slots[i].key, key) != 0)
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

void *pl_index_get(const struct pl_index *x, const char *key)
{
	return x->cap ? place(x->slots, x->cap, key)->value : NULL;
}

static void grow(struct pl_index *x)
{
	size_t cap = x->cap ? x->cap * 2 : 64;
	struct pl_slot *slots = pl_alloc(cap * sizeof *slots);
	for (size_t i = 0; i < x->cap; i++)
		if (x->slots[i].key)
			*place(slots, cap, x->slots[i].key) = x->slots[i];
	free(x->slots);
	x->slots = slots;
	x->cap = cap;
}

void pl_index_put(struct pl_index *x, const char *key, void *value)
{
	if (x->used * 4 >= x->cap * 3)
		grow(x);
	struct pl_slot *s = place(x->slots, x->cap, key);
	if (!s->key) {
		s->key = key;
		x->used++;
	}
	s->value = value;
}

void pl_index_fini(struct pl_index *x)
{
	free(x->slots);
	*x = (struct pl_index){0};
}
