#include "host_case.h"

static const char *masked(struct host_case *t, const char *text)
{
	struct pl_buf out = {0};
	const char *copy;

	pl_secret_mask(t->host, &out, text, strlen(text));
	copy = pl_arena_text(&t->arena, out.at ? out.at : "", out.len);
	pl_buf_fini(&out);
	return copy;
}

static const char *add(struct host_case *t, const char *name, const char *bytes)
{
	return pl_secret_name(pl_secret_add(t->host, name, bytes, strlen(bytes)));
}

static void holding(struct host_case *t)
{
	const struct pl_secret *a = pl_secret_add(t->host, "A", "first-value", 11);
	const struct pl_secret *b = pl_secret_add(t->host, "A", "second-value", 12);
	size_t n;

	CHECK_TEXT(pl_secret_name(a), "A");
	CHECK_TEXT(pl_secret_bytes(a, &n), "first-value");
	CHECK_INT(n, 11);
	CHECK(a != b);
	CHECK(pl_secret_add(t->host, "A", "first-value", 11) == a);
	CHECK(pl_secret_add(t->host, "B", "first-value", 11) != a);
	CHECK(pl_secret_find(t->host, "A") == b);
	CHECK(!pl_secret_find(t->host, "C"));
	CHECK_TEXT(masked(t, "first-value second-value"), "***A*** ***A***");
}

static void plain_forms(struct host_case *t)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {"", ""},
	    {"nothing here", "nothing here"},
	    {"s3cr/t+pa ss\"w\\", "***K***"},
	    {"<s3cr/t+pa ss\"w\\>", "<***K***>"},
	    {"s3cr/t+pa ss\"w", "s3cr/t+pa ss\"w"},
	    {"{\"k\":\"s3cr/t+pa ss\\\"w\\\\\"}", "{\"k\":\"***K***\"}"},
	    {"{\"k\":\"s3cr\\/t+pa ss\\\"w\\\\\"}", "{\"k\":\"***K***\"}"},
	    {"\\u00733cr/t\\u002bpa ss\\u0022w\\u005C", "***K***"},
	    {"?k=s3cr%2Ft%2Bpa%20ss%22w%5C&x", "?k=***K***&x"},
	    {"?k=s3cr%2ft%2bpa+ss%22w%5c&x", "?k=***K***&x"},
	    {"%73%33%63%72%2f%74%2b%70%61%20%73%73%22%77%5c", "***K***"},
	    {"733363722f742b70612073732277 5c", "733363722f742b70612073732277 5c"},
	    {"x733363722f742b706120737322775c", "x***K***"},
	    {"733363722F742B706120737322775C", "***K***"},
	    {"s3cr/t+pa ss\"w\\s3cr/t+pa ss\"w\\", "***K******K***"},
	    {"s3s3cr/t+pa ss\"w\\", "s3***K***"},
	    {"% %4 %zz \\u12 \\", "% %4 %zz \\u12 \\"},
	};

	add(t, "K", "s3cr/t+pa ss\"w\\");
	for (size_t i = 0; i < PL_COUNT(cases); i++)
		CHECK_TEXT(masked(t, cases[i].text), cases[i].want);
}

/* In the middle of something encoded as a whole, at every distance, in both
 * alphabets, broken into lines: no part of the secret is left. */
static void base64(struct host_case *t)
{
	static const char *const secrets[] = {"12345678", "123456789", "1234567890",
	    "\xfb\xff\xbe\xfb\xff\xbe\xfb\xff\xbe?>?>", "correct horse battery staple"};

	for (size_t i = 0; i < PL_COUNT(secrets); i++) {
		char name[8];

		snprintf(name, sizeof name, "S%zu", i);
		add(t, name, secrets[i]);
		for (size_t before = 0; before < 7; before++)
			for (size_t after = 0; after < 4; after++)
				for (int variant = 0; variant < 3; variant++) {
					struct pl_buf in = {0}, text = {0}, back = {0};
					const char *out;
					char *mark;

					pl_buf_printf(&in, "%.*s%s%.*s", (int)before,
					    "user:x:", secrets[i], (int)after, "@@@");
					pl_base64(&text, in.at, in.len);
					for (char *p = text.at; variant == 1 && *p; p++)
						*p = *p == '+'  ? '-'
						    : *p == '/' ? '_'
						                : *p;
					if (variant == 2 && text.len > 9) {
						pl_buf_add(&back, text.at, 9);
						pl_buf_putc(&back, '\n');
						pl_buf_puts(&back, text.at + 9);
						pl_buf_fini(&text);
						text = back;
						back = (struct pl_buf){0};
					}
					out = masked(t, text.at);
					mark = strstr(out, name);
					CHECK(mark);
					/* What is left are whole groups beside it. */
					CHECK(strlen(out) <= (before + after) * 4 / 3 +
					        10 + 2 * strlen(name));
					CHECK(!mark || !strchr(mark, '=') || after);
					pl_buf_fini(&in);
					pl_buf_fini(&text);
				}
	}
	CHECK_TEXT(masked(t, "Basic MTIzNDU2Nzg="), "Basic ***S0***");
}

static void lines(struct host_case *t)
{
	add(t, "PEM",
	    "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQ\r\nshort\n-----END KEY-----");
	CHECK_TEXT(masked(t, "MIIEvQIBADANBg"), "***PEM***");
	CHECK_TEXT(masked(t, "a kqhkiG9w0BAQ"), "a ***PEM***");
	CHECK_TEXT(masked(t, "-----BEGIN KEY-----"), "-----BEGIN KEY-----");
	CHECK_TEXT(masked(t, "short"), "short");
	CHECK_TEXT(masked(t,
	               "{\"k\":\"-----BEGIN KEY-----\\nMIIEvQIBADANBg\\nkqhkiG9w0BAQ\\r"
	               "\\nshort\\n-----END KEY-----\"}"),
	    "{\"k\":\"***PEM***\"}");
}

static void overlapping(struct host_case *t)
{
	add(t, "short", "abcdefgh");
	add(t, "long", "abcdefghij");
	add(t, "tiny", "abc");
	CHECK_TEXT(masked(t, "abcdefghij abcdefgh abc"), "***long*** ***short*** abc");
}

static void trees(struct host_case *t)
{
	struct pl_value *v = NULL, *m;
	const char *json =
	    "{\"a\":[1,\"x hunter-two x\",{\"hunter-two\":null}],\"b\":\"same\"}";
	struct pl_buf out = {0};

	CHECK(pl_json_parse(&v, &t->arena, json, strlen(json), NULL));
	CHECK(pl_secret_mask_value(t->host, &t->arena, v) == v);
	add(t, "P", "hunter-two");
	m = pl_secret_mask_value(t->host, &t->arena, v);
	CHECK(pl_json_canonical(&out, m, NULL));
	CHECK_TEXT(
	    out.at, "{\"a\":[1,\"x ***P*** x\",{\"***P***\":null}],\"b\":\"same\"}");
	CHECK(pl_get(m, "b") == pl_get(v, "b"));
	CHECK_TEXT(pl_text_of(pl_at(v, "a.1"), NULL), "x hunter-two x");
	CHECK(!pl_secret_mask_value(t->host, &t->arena, NULL));
	pl_buf_fini(&out);
}

static void large(struct host_case *t)
{
	struct pl_buf text = {0}, out = {0};
	int64_t begun = case_clock();

	for (int i = 0; i < 50; i++) {
		char bytes[32], name[16];

		snprintf(name, sizeof name, "N%d", i);
		snprintf(bytes, sizeof bytes, "%cecret-number-%d-x", 'a' + i % 26, i);
		add(t, name, bytes);
	}
	for (int i = 0; i < 40000; i++)
		pl_buf_printf(&text, "line %d: nothing but ordinary text\n", i);
	pl_buf_puts(&text, "hecret-number-7-x");
	pl_secret_mask(t->host, &out, text.at, text.len);
	CHECK(strstr(out.at, "***N7***"));
	CHECK(case_clock() - begun < 20000);
	pl_buf_fini(&text);
	pl_buf_fini(&out);
}

/* ---- reading -------------------------------------------------------------- */

static struct pl_value *source;

static void start_read(struct pl_call *call)
{
	pl_secret_read(call, "KEY", source);
}

static const char *read_from(struct host_case *t, const char *json)
{
	struct pl_value *v;

	CHECK(pl_json_parse(&source, &t->arena, json, strlen(json), NULL));
	source->line = 12;
	source->column = 3;
	case_call(t, NULL, "{}");
	v = case_drive(t, start_read);
	CHECK_INT(t->finished, 1);
	if (!v)
		return t->call.err.code;
	CHECK(v->kind == PL_SECRET);
	return pl_secret_bytes(v->as.secret, NULL);
}

static void put(struct host_case *t, const char *name, const char *text)
{
	if (!pl_file_write(pl_arena_printf(&t->arena, "%s/%s", t->root, name), text,
	        strlen(text), 0600, NULL))
		abort();
}

static void reading(struct host_case *t)
{
	char json[200];

	setenv("PL_TEST_KEY", "from-the-environment", 1);
	setenv("PL_TEST_EMPTY", "", 1);
	unsetenv("PL_TEST_NONE");
	CHECK_TEXT(read_from(t, "{\"env\":\"PL_TEST_KEY\"}"), "from-the-environment");
	CHECK_TEXT(read_from(t, "{\"env\":\"PL_TEST_NONE\"}"), "secret.missing");
	CHECK(
	    strstr(t->call.err.msg, "PL_TEST_NONE") && strstr(t->call.err.msg, "KEY"));
	CHECK_TEXT(t->call.err.file, "pipe.yaml");
	CHECK_INT(t->call.err.line, 12);
	CHECK_TEXT(read_from(t, "{\"env\":\"PL_TEST_EMPTY\"}"), "secret.missing");

	put(t, "key", "from-a-file\n");
	put(t, "crlf", "from-a-file\r\n");
	put(t, "two", "from-a-file\n\n");
	put(t, "short", "1234567\n");
	put(t, "empty", "");
	CHECK_TEXT(read_from(t, "{\"file\":\"key\"}"), "from-a-file");
	CHECK_TEXT(read_from(t, "{\"file\":\"crlf\"}"), "from-a-file");
	CHECK_TEXT(read_from(t, "{\"file\":\"two\"}"), "from-a-file\n");
	setenv("HOME", t->root, 1);
	CHECK_TEXT(read_from(t, "{\"file\":\"~/key\"}"), "from-a-file");
	snprintf(json, sizeof json, "{\"file\":\"%s/key\"}", t->root);
	CHECK_TEXT(read_from(t, json), "from-a-file");
	CHECK_TEXT(read_from(t, "{\"file\":\"nowhere\"}"), "secret.missing");
	CHECK(strstr(t->call.err.msg, "/nowhere"));
	CHECK_TEXT(read_from(t, "{\"file\":\".\"}"), "secret.missing");
	CHECK_TEXT(read_from(t, "{\"file\":\"short\"}"), "secret.short");
	CHECK(!strstr(t->call.err.msg, "1234567"));
	CHECK_TEXT(read_from(t, "{\"file\":\"empty\"}"), "secret.short");
	CHECK_TEXT(read_from(t, "{}"), "secret.missing");
}

static void commands(struct host_case *t)
{
	pl_host_latch_writes(t->host); /* reading is no write */
	CHECK_TEXT(read_from(t, "{\"command\":[\"echo\",\"from a command\"]}"),
	    "from a command");
	CHECK_TEXT(masked(t, "from a command"), "***KEY***");
	CHECK_TEXT(
	    read_from(t, "{\"command\":[\"pl-no-such-program\"]}"), "secret.command");
	CHECK(strstr(t->call.err.msg, "pl-no-such-program"));
	CHECK_TEXT(
	    read_from(t, "{\"command\":[\"sh\",\"-c\",\"echo locked >&2; exit 3\"]}"),
	    "secret.command");
	CHECK(strstr(t->call.err.msg, "locked"));
	CHECK_INT(t->call.err.line, 12);
	CHECK_TEXT(read_from(t, "{\"command\":[\"true\"]}"), "secret.short");
	t->cancel_after = 50;
	CHECK_TEXT(read_from(t, "{\"command\":[\"sleep\",\"60\"]}"), "cancelled");
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(struct host_case *t);
	} tests[] = {{"holding", holding}, {"plain forms", plain_forms},
	    {"base64", base64}, {"lines", lines}, {"overlapping", overlapping},
	    {"trees", trees}, {"large", large}, {"reading", reading},
	    {"commands", commands}};

	for (size_t i = 0; i < PL_COUNT(tests); i++) {
		struct host_case t;

		case_init(&t);
		tests[i].run(&t);
		case_fini(&t);
		printf("ok secret: %s\n", tests[i].name);
	}
	return check_end();
}
