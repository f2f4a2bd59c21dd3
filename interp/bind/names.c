/*
 * Undefined names are found before anything runs. A compiled chunk says which
 * names it takes from its environment (GETTABUP and SETTABUP on the upvalue
 * _ENV), with their lines; this reads them out of lua_dump's own output. The
 * format is that of Lua 5.4 (lundump.c); it is the interpreter's own and comes
 * from memory, never from a file, so a mismatch only ends the search.
 */
#include <stdlib.h>
#include <string.h>

#include "inner.h"

enum {
	OP_LOADK = 3,
	OP_GETUPVAL = 9,
	OP_GETTABUP = 11,
	OP_GETTABLE = 12,
	OP_GETFIELD = 14,
	OP_SETTABUP = 15,
	OP_SETTABLE = 16
};

struct reader {
	const unsigned char *at, *end;
	bool ok;
	void (*found)(void *arg, const struct pl_name *n);
	void *arg;
};

struct text {
	const char *at;
	size_t n;
};

struct proto {
	const unsigned char *code;
	size_t code_n;
	struct text *constants;
	size_t constants_n;
	int env; /* index of the upvalue _ENV, -1 */
	unsigned line;
	const signed char *lines;
	size_t lines_n;
	struct {
		size_t pc;
		unsigned line;
	} * absolute;
	size_t absolute_n;
};

static unsigned byte(struct reader *r)
{
	if (r->at >= r->end) {
		r->ok = false;
		return 0;
	}
	return *r->at++;
}

static size_t number(struct reader *r)
{
	size_t x = 0;
	unsigned b;
	do {
		b = byte(r);
		x = (x << 7) | (b & 0x7f);
	} while (r->ok && !(b & 0x80));
	return x;
}

static const void *block(struct reader *r, size_t n)
{
	const void *p = r->at;
	if ((size_t)(r->end - r->at) < n) {
		r->ok = false;
		return NULL;
	}
	r->at += n;
	return p;
}

static struct text text(struct reader *r)
{
	struct text t = {NULL, number(r)};
	if (t.n > 0)
		t.at = block(r, --t.n);
	return t;
}

/* At least one byte is left for each of n entries: keeps allocations honest. */
static size_t many(struct reader *r)
{
	size_t n = number(r);
	if (n > (size_t)(r->end - r->at))
		r->ok = false;
	return r->ok ? n : 0;
}

static void constants(struct reader *r, struct proto *p)
{
	p->constants_n = many(r);
	p->constants = pl_alloc((p->constants_n + 1) * sizeof *p->constants);
	for (size_t i = 0; r->ok && i < p->constants_n; i++) {
		unsigned tag = byte(r);
		switch (tag) {
		case LUA_TNIL:
		case LUA_TBOOLEAN:
		case LUA_TBOOLEAN | 16:
			break;
		case LUA_TNUMBER:
		case LUA_TNUMBER | 16:
			block(r, 8);
			break;
		case LUA_TSTRING:
		case LUA_TSTRING | 16:
			p->constants[i] = text(r);
			break;
		default:
			r->ok = false;
		}
	}
}

static unsigned line_of(const struct proto *p, size_t pc)
{
	unsigned line = p->line;
	size_t i = 0;
	for (size_t k = 0; k < p->absolute_n && p->absolute[k].pc <= pc; k++) {
		line = p->absolute[k].line;
		i = p->absolute[k].pc + 1;
	}
	for (; i <= pc && i < p->lines_n; i++)
		if (p->lines[i] != -128)
			line = (unsigned)((int)line + p->lines[i]);
	return line;
}

/* What the temporary registers of a long form hold. */
struct registers {
	bool env[256];
	uint32_t constant[256]; /* its index plus one; 0: something else */
};

/*
 * The constant that names a global which the instruction reads or writes, plus
 * one; 0: none. Behind the 256th constant of a function the name does not fit
 * the instruction: GETUPVAL env, LOADK name, and GETTABLE or SETTABLE on both.
 */
static uint32_t global_of(
    const struct proto *p, struct registers *regs, uint32_t word, bool *set)
{
	unsigned op = word & 0x7f, a = (word >> 7) & 0xff;
	unsigned b = (word >> 16) & 0xff, c = (word >> 24) & 0xff;
	uint32_t found = 0;
	*set = op == OP_SETTABUP || op == OP_SETTABLE;
	if (op == OP_GETTABUP && (int)b == p->env)
		found = c + 1;
	else if (op == OP_SETTABUP && (int)a == p->env)
		found = b + 1;
	else if (op == OP_GETTABLE && regs->env[b])
		found = regs->constant[c];
	else if (op == OP_SETTABLE && regs->env[a])
		found = regs->constant[b];
	regs->env[a] = op == OP_GETUPVAL && (int)b == p->env;
	regs->constant[a] = op == OP_LOADK ? (word >> 15) + 1 : 0;
	return found;
}

/* `git.push`: the instruction behind the global takes a field of it. Yours to
 * free; NULL: it does not. */
static char *field_of(const struct proto *p, size_t pc)
{
	uint32_t word, next;
	if (pc + 1 >= p->code_n)
		return NULL;
	memcpy(&word, p->code + pc * 4, 4);
	memcpy(&next, p->code + (pc + 1) * 4, 4);
	unsigned a = (word >> 7) & 0xff, b = (next >> 16) & 0xff,
	         c = (next >> 24) & 0xff;
	if ((next & 0x7f) != OP_GETFIELD || a != b || c >= p->constants_n ||
	    !p->constants[c].at)
		return NULL;
	return pl_strndup(p->constants[c].at, p->constants[c].n);
}

static void report(struct reader *r, const struct proto *p, bool main)
{
	struct registers regs = {0};
	for (size_t pc = 0; p->env >= 0 && pc < p->code_n; pc++) {
		uint32_t word;
		bool set;
		memcpy(&word, p->code + pc * 4, 4);
		uint32_t key = global_of(p, &regs, word, &set);
		if (!key || key > p->constants_n || !p->constants[key - 1].at)
			continue;
		const struct text *t = &p->constants[key - 1];
		char *name = pl_strndup(t->at, t->n);
		char *field = set ? NULL : field_of(p, pc);
		struct pl_name n = {name, field, line_of(p, pc), set, main};
		r->found(r->arg, &n);
		free(name);
		free(field);
	}
}

static void function(struct reader *r, bool main);

static void debug(struct reader *r, struct proto *p)
{
	p->lines_n = many(r);
	p->lines = block(r, p->lines_n);
	p->absolute_n = many(r);
	p->absolute = pl_alloc((p->absolute_n + 1) * sizeof *p->absolute);
	for (size_t i = 0; r->ok && i < p->absolute_n; i++) {
		p->absolute[i].pc = number(r);
		p->absolute[i].line = (unsigned)number(r);
	}
	for (size_t n = many(r); r->ok && n > 0; n--) {
		text(r);
		number(r);
		number(r);
	}
	size_t names = many(r);
	for (size_t i = 0; r->ok && i < names; i++) {
		struct text t = text(r);
		if (t.at && t.n == 4 && memcmp(t.at, "_ENV", 4) == 0)
			p->env = (int)i;
	}
}

static void function(struct reader *r, bool main)
{
	struct proto p = {.env = -1};
	text(r); /* source */
	p.line = (unsigned)number(r);
	number(r); /* last line */
	block(r, 3); /* parameters, vararg, stack */
	p.code_n = many(r);
	p.code = block(r, p.code_n * 4);
	constants(r, &p);
	size_t upvalues = many(r);
	block(r, upvalues * 3);
	/* Nested functions come before the names of upvalues: a function's own
	 * report has to wait until its children were read, so they report first. */
	for (size_t n = many(r); r->ok && n > 0; n--)
		function(r, false);
	debug(r, &p);
	if (r->ok)
		report(r, &p, main);
	free(p.constants);
	free(p.absolute);
}

static int collect(lua_State *L, const void *p, size_t n, void *ud)
{
	(void)L;
	pl_buf_add(ud, p, n);
	return 0;
}

void pl_names_check(
    lua_State *L, void (*found)(void *arg, const struct pl_name *n), void *arg)
{
	struct pl_buf dump = {0};
	lua_dump(L, collect, &dump, 0);
	/* Header: signature 4, version, format, data 6, three sizes, an integer and
	 * a number; then the count of upvalues of the main function. */
	static const unsigned char head[] = {0x1b, 'L', 'u', 'a', 0x54, 0x00};
	const size_t header =
	    4 + 1 + 1 + 6 + 3 + sizeof(lua_Integer) + sizeof(lua_Number) + 1;
	if (dump.len > header && memcmp(dump.at, head, sizeof head) == 0) {
		const unsigned char *at = (const unsigned char *)dump.at;
		struct reader r = {.at = at + header,
		    .end = at + dump.len,
		    .ok = true,
		    .found = found,
		    .arg = arg};
		function(&r, true);
	}
	pl_buf_fini(&dump);
}
