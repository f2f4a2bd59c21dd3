/*
 * Values written as YAML by libyaml's emitter. It knows what its syntax can hold
 * plain; which plain text would be read as something else is settled here.
 */
#include "host.h"
#include "yaml_scalar.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#define LEVELS 512 /* as deep as JSON gets */

struct writer {
	yaml_emitter_t emitter;
	struct pl_buf text;
	struct pl_err *err;
	unsigned depth;
};

static int add_bytes(void *arg, unsigned char *bytes, size_t n)
{
	pl_buf_add(arg, bytes, n);
	return 1;
}

static bool emit(struct writer *w, yaml_event_t *event, int initialized)
{
	if (initialized && yaml_emitter_emit(&w->emitter, event))
		return true;
	return pl_fail(w->err, "yaml.value", "%s",
	    w->emitter.problem ? w->emitter.problem : "out of memory");
}

/* "|" for text of several lines, where every reader agrees what it says. */
static bool fits_block(const char *s, size_t n)
{
	if (n < 2 || s[n - 1] != '\n' || strchr(" \t\n", s[0]) || s[n - 2] == '\n')
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if ((c < 0x20 && c != '\n') || c >= 0x7f)
			return false;
		if (c == '\n' && s[i - 1] == ' ')
			return false;
	}
	return true;
}

/* The emitter would send these as they are; our reader refuses them so. */
static bool must_escape(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c < 0x20 || c == 0x7f ||
		    (c == 0xc2 && (unsigned char)s[i + 1] < 0xa0))
			return true;
		if (c == 0xe2 && (unsigned char)s[i + 1] == 0x80 &&
		    ((unsigned char)s[i + 2] & 0xfe) == 0xa8)
			return true;
		if (c >= 0xef) /* U+FEFF, U+FFFE; beyond the basic plane */
			return true;
	}
	return false;
}

static bool write_scalar(
    struct writer *w, const char *s, size_t n, yaml_scalar_style_t style)
{
	yaml_event_t event;
	if (n > INT32_MAX)
		return pl_fail(w->err, "yaml.value", "text of %zu bytes", n);
	return emit(w, &event,
	    yaml_scalar_event_initialize(
	        &event, NULL, NULL, (const yaml_char_t *)s, (int)n, 1, 1, style));
}

static bool write_text(struct writer *w, const char *s, size_t n, bool is_key)
{
	yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
	if (!pl_utf8_valid(s, n))
		return pl_fail(w->err, "yaml.value", "text that is not UTF-8");
	if (!is_key && fits_block(s, n))
		style = YAML_LITERAL_SCALAR_STYLE;
	else if (must_escape(s, n) || pl_yaml_is_ambiguous(s, n))
		style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	return write_scalar(w, s, n, style);
}

/* The shortest decimal that reads back as the same double, and as a real. */
static bool write_real(struct writer *w, double real)
{
	char text[40];
	if (isnan(real))
		snprintf(text, sizeof(text), ".nan");
	else if (isinf(real))
		snprintf(text, sizeof(text), real < 0 ? "-.inf" : ".inf");
	else
		for (int digits = 15; digits <= 17; digits++) {
			snprintf(text, sizeof(text), "%.*g", digits, real);
			double back = strtod(text, NULL);
			if (memcmp(&back, &real, sizeof(real)) == 0)
				break;
		}
	if (text[strspn(text, "-0123456789")] == '\0')
		strcat(text, ".0");
	return write_scalar(w, text, strlen(text), YAML_PLAIN_SCALAR_STYLE);
}

static bool write_value(struct writer *w, const struct pl_value *v);

static bool write_list(struct writer *w, const struct pl_value *v)
{
	yaml_event_t event;
	if (!emit(w, &event,
	        yaml_sequence_start_event_initialize(
	            &event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE)))
		return false;
	for (uint32_t i = 0; i < v->as.list.len; i++)
		if (!write_value(w, v->as.list.at[i]))
			return pl_err_within(w->err, "member %u", i + 1);
	return emit(w, &event, yaml_sequence_end_event_initialize(&event));
}

static bool write_map(struct writer *w, const struct pl_value *v)
{
	yaml_event_t event;
	if (!emit(w, &event,
	        yaml_mapping_start_event_initialize(
	            &event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE)))
		return false;
	for (uint32_t i = 0; i < v->as.map.len; i++) {
		const struct pl_pair *pair = &v->as.map.at[i];
		if (!write_text(w, pair->key, pair->key_len, true))
			return false;
		if (!write_value(w, pair->value))
			return pl_err_within(w->err, "%s", pair->key);
	}
	return emit(w, &event, yaml_mapping_end_event_initialize(&event));
}

static bool write_value(struct writer *w, const struct pl_value *v)
{
	char text[24];
	bool ok = false;
	if (w->depth == LEVELS)
		return pl_fail(w->err, "yaml.depth", "more than %d levels", LEVELS);
	w->depth++;
	switch (v ? v->kind : PL_NULL) {
	case PL_NULL:
		ok = write_scalar(w, "null", 4, YAML_PLAIN_SCALAR_STYLE);
		break;
	case PL_BOOL:
		snprintf(text, sizeof(text), "%s", v->as.truth ? "true" : "false");
		ok = write_scalar(w, text, strlen(text), YAML_PLAIN_SCALAR_STYLE);
		break;
	case PL_INT:
		snprintf(text, sizeof(text), "%lld", (long long)v->as.whole);
		ok = write_scalar(w, text, strlen(text), YAML_PLAIN_SCALAR_STYLE);
		break;
	case PL_REAL:
		ok = write_real(w, v->as.real);
		break;
	case PL_TEXT:
		ok = write_text(w, v->as.text.at, v->as.text.len, false);
		break;
	case PL_LIST:
		ok = write_list(w, v);
		break;
	case PL_MAP:
		ok = write_map(w, v);
		break;
	case PL_SECRET:
		pl_fail(w->err, "yaml.value", "a secret cannot be written");
		break;
	}
	w->depth--;
	return ok;
}

static bool write_document(struct writer *w, const struct pl_value *v)
{
	yaml_event_t event;
	return emit(w, &event,
	           yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING)) &&
	    emit(w, &event,
	        yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1)) &&
	    write_value(w, v) &&
	    emit(w, &event, yaml_document_end_event_initialize(&event, 1)) &&
	    emit(w, &event, yaml_stream_end_event_initialize(&event));
}

bool pl_yaml_write(struct pl_buf *out, const struct pl_value *v, struct pl_err *err)
{
	struct writer w = {.err = err};
	if (!yaml_emitter_initialize(&w.emitter))
		return pl_fail(err, "yaml.value", "out of memory");
	yaml_emitter_set_output(&w.emitter, add_bytes, &w.text);
	yaml_emitter_set_unicode(&w.emitter, 1);
	yaml_emitter_set_width(&w.emitter, -1);
	bool ok = write_document(&w, v);
	if (ok)
		pl_buf_add(out, w.text.at, w.text.len);
	yaml_emitter_delete(&w.emitter);
	pl_buf_fini(&w.text);
	return ok;
}
