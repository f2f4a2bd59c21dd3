/*
 * One record: how its line must look, and how it is chained to the one before.
 * The journals and heads.jsonl are read and written by the same rules, and what
 * verify calls wrong is what opening a journal refuses.
 */
#include <inttypes.h>
#include <string.h>

#include "store_inner.h"

#define CORRUPT "journal.corrupt"
#define SEQ_MAX ((int64_t)1 << 53) /* above, JSON's readers disagree on numbers */

static const char NOTHING[65] =
    "0000000000000000000000000000000000000000000000000000000000000000";

bool pl_run_validn(const char *run, size_t n)
{
	if (n < 1 || n > PL_RUN_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = run[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return true;
}

bool pl_run_valid(const char *run)
{
	return pl_run_validn(run, strlen(run));
}

static struct pl_span span_of(const struct pl_value *v)
{
	if (!v || v->kind != PL_TEXT)
		return (struct pl_span){NULL, 0};
	return (struct pl_span){v->as.text.at, v->as.text.len};
}

/* A record's type and a head's state: 1 to 64 visible ASCII characters. */
static bool is_word(struct pl_span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] <= ' ' || s.at[i] > '~')
			return false;
	return s.len >= 1 && s.len <= 64;
}

static bool is_hash(struct pl_span s)
{
	if (s.len != 64)
		return false;
	unsigned other = 0; /* without a branch for each: asked of every line */
	for (size_t i = 0; i < 64; i++) {
		unsigned char c = (unsigned char)s.at[i];
		other |= (c < '0') | (c > 'f') | ((c > '9') & (c < 'a'));
	}
	return !other;
}

static int number(const char *s, size_t n)
{
	int v = 0;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (s[i] - '0');
	return v;
}

/* As pl_time_write gives it, to the letter: other ways to write an instant are
 * no record of ours. Read by hand, since this is asked of every line. */
static bool is_time(struct pl_span s)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	if (s.len != sizeof form - 1)
		return false;
	const char *t = s.at;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'd' ? t[i] < '0' || t[i] > '9' : t[i] != form[i])
			return false;
	int year = number(t, 4), month = number(t + 5, 2), day = number(t + 8, 2);
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month >= 1 && month <= 12 && day >= 1 &&
	    day <= days[month - 1] + (leap && month == 2) && number(t + 11, 2) <= 23 &&
	    number(t + 14, 2) <= 59 && number(t + 17, 2) <= 59;
}

static void copy(char *out, struct pl_span s)
{
	memcpy(out, s.at, s.len);
	out[s.len] = '\0';
}

static bool read_stamp(
    struct pl_stamp *out, const struct pl_facts *f, struct pl_err *err)
{
	if (f->seq < 0 || f->seq >= SEQ_MAX)
		return pl_fail(
		    err, CORRUPT, "seq is missing or not a whole number from 0");
	if (!is_hash(f->prev))
		return pl_fail(err, CORRUPT, "prev is missing or not a SHA-256 in hex");
	if (!is_time(f->time))
		return pl_fail(err, CORRUPT,
		    "time is missing or not like 2026-01-31T00:00:00.000Z");
	if (!is_word(f->type))
		return pl_fail(err, CORRUPT, "type is missing or not a word");
	if (!pl_run_validn(f->run.at, f->run.len))
		return pl_fail(err, CORRUPT, "run is missing or not a run's id");
	out->seq = f->seq;
	copy(out->prev, f->prev);
	copy(out->run, f->run);
	copy(out->type, f->type);
	return true;
}

static struct pl_facts facts_of(const struct pl_value *record)
{
	const struct pl_value *seq = pl_get(record, "seq");
	return (struct pl_facts){.seq = seq && seq->kind == PL_INT ? seq->as.whole : -1,
	    .prev = span_of(pl_get(record, "prev")),
	    .run = span_of(pl_get(record, "run")),
	    .time = span_of(pl_get(record, "time")),
	    .type = span_of(pl_get(record, "type"))};
}

static bool is_canonical(const struct pl_value *v, struct pl_buf *again,
    const char *line, size_t n, struct pl_err *err)
{
	pl_buf_reset(again);
	struct pl_err why;
	if (!pl_json_canonical(again, v, &why))
		return pl_fail(err, CORRUPT, "has no canonical form: %s", why.msg);
	if (again->len == n && memcmp(again->at, line, n) == 0)
		return true;
	size_t same = 0;
	while (same < n && same < again->len && again->at[same] == line[same])
		same++;
	return pl_fail(err, CORRUPT,
	    "not in canonical form (RFC 8785) from column %zu on", same + 1);
}

bool pl_record_read(struct pl_value **out, struct pl_stamp *stamp, struct pl_arena *a,
    struct pl_buf *again, const char *line, size_t n, struct pl_err *err)
{
	struct pl_err why;
	struct pl_value *v = NULL;
	struct pl_facts facts;
	bool sure = pl_form_sure(&facts, line, n);
	if ((out || !sure) && !pl_json_parse(&v, a, line, n, &why))
		return pl_fail(
		    err, CORRUPT, "not a record: column %u: %s", why.column, why.msg);
	if (!sure) {
		if (v->kind != PL_MAP)
			return pl_fail(
			    err, CORRUPT, "not a record: a %s", pl_kind_name(v->kind));
		if (!is_canonical(v, again, line, n, err))
			return false;
		facts = facts_of(v);
	}
	if (!read_stamp(stamp, &facts, err))
		return false;
	if (out)
		*out = v;
	return true;
}

bool pl_record_fits(
    const struct pl_stamp *stamp, const struct pl_chain *c, struct pl_err *err)
{
	if (stamp->seq != (int64_t)c->length)
		return pl_fail(err, CORRUPT, "seq is %" PRId64 ", should be %" PRIu64,
		    stamp->seq, c->length);
	if (c->run && strcmp(stamp->run, c->run) != 0)
		return pl_fail(err, CORRUPT,
		    "the record is of run '%s', but stands in the journal of '%s'",
		    stamp->run, c->run);
	if (strcmp(stamp->prev, c->hash) == 0)
		return true;
	if (c->length == 0)
		return pl_fail(err, CORRUPT,
		    "prev is %.12s…, but this is the first record: should be zeros",
		    stamp->prev);
	return pl_fail(err, CORRUPT,
	    "prev is %.12s…, the record before hashes to %.12s…: one of the two was changed",
	    stamp->prev, c->hash);
}

bool pl_record_write(struct pl_buf *line, struct pl_arena *a, struct pl_value *record,
    const struct pl_chain *c, const char *run, int64_t now_ms, struct pl_err *err)
{
	char time[32];
	pl_time_write(time, now_ms);
	pl_map_set(a, record, "seq", pl_int(a, (int64_t)c->length));
	pl_map_set(a, record, "time", pl_text(a, time));
	pl_map_set(a, record, "prev", pl_text(a, c->hash));
	pl_map_set(a, record, "run", pl_text(a, run));
	struct pl_stamp stamp;
	struct pl_err why;
	struct pl_facts facts = facts_of(record);
	if (!read_stamp(&stamp, &facts, &why))
		return pl_fail(
		    err, "journal.record", "this cannot be a record: %s", why.msg);
	pl_buf_reset(line);
	if (!pl_json_canonical(line, record, err))
		return pl_err_within(err, "a record of type '%s'", stamp.type);
	if (line->len > PL_LINE_MAX)
		return pl_fail(err, "journal.record",
		    "a record of type '%s' is too large: %zu bytes, at most %zu",
		    stamp.type, line->len, PL_LINE_MAX);
	pl_buf_putc(line, '\n');
	return true;
}

bool pl_head_read(
    struct pl_head *out, const struct pl_value *record, struct pl_err *err)
{
	const struct pl_value *length = pl_get(record, "length");
	struct pl_span hash = span_of(pl_get(record, "hash"));
	if (strcmp(pl_get_text(record, "type", ""), "head") != 0)
		return pl_fail(err, CORRUPT, "type is not \"head\"");
	if (!length || length->kind != PL_INT || length->as.whole < 0 ||
	    length->as.whole >= SEQ_MAX)
		return pl_fail(
		    err, CORRUPT, "length is missing or not a whole number from 0");
	if (!is_hash(hash))
		return pl_fail(err, CORRUPT, "hash is missing or not a SHA-256 in hex");
	if (!is_word(span_of(pl_get(record, "state"))))
		return pl_fail(err, CORRUPT, "state is missing or not a word");
	*out = (struct pl_head){.run = pl_get_text(record, "run", ""),
	    .state = pl_get_text(record, "state", ""),
	    .length = (uint64_t)length->as.whole};
	copy(out->hash, hash);
	return true;
}

void pl_chain_start(struct pl_chain *c, const char *run)
{
	c->run = run;
	c->length = 0;
	memcpy(c->hash, NOTHING, sizeof c->hash);
}

void pl_chain_step(struct pl_chain *c, const char *line, size_t n)
{
	uint8_t digest[32];
	pl_sha256(digest, line, n);
	pl_hex(c->hash, digest, sizeof digest);
	c->length++;
}
