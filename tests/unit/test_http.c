/* http against a loopback server of odd answers. Time is virtual wherever a pause
 * between attempts would be waited for. */
#include "http_fixture.h"

/* How often, and as what, a request with this key has reached the server. */
static const struct pl_value *seen(struct fixture *f, const char *key)
{
	char json[100];
	struct asked a;

	snprintf(json, sizeof json, "{\"url\":\"$P/seen/%s\"}", key);
	a = ask(f, "http.get", json);
	return pl_get(a.call.result, "json");
}

static int count(struct fixture *f, const char *key)
{
	const struct pl_value *log = seen(f, key);

	return log && log->kind == PL_LIST ? (int)log->as.list.len : -1;
}

/* ---- failures ------------------------------------------------------------- */

struct failing {
	const char *row, *json, *code;
	const char *says; /* part of the message */
	bool unknown, retryable;
};

static const struct failing failings[] = {
    {"http.get", "{\"url\":\"ftp://127.0.0.1/\"}", "http.scheme", "https and http", 0,
        0},
    {"http.get", "{\"url\":\"file:///etc/passwd\"}", "http.scheme", "/etc/passwd", 0,
        0},
    {"http.get", "{\"url\":\"nowhere\"}", "http.url", "nowhere", 0, 0},
    {"http.get", "{\"url\":\"http://\"}", "http.url", "no host", 0, 0},
    {"http.get", "{\"url\":\"http://a b/\"}", "http.url", "blank", 0, 0},
    {"http.get", "{\"url\":\"http://a/\\r\\nX: y\"}", "http.url", "control", 0, 0},
    {"http.get", "{\"url\":\"http://a/\\u0000\"}", "http.url", "control", 0, 0},
    {"http.get", "{\"url\":\"http://a:99999/\"}", "http.url", "port", 0, 0},
    {"http.get", "{\"url\":\"http://u:p@a/\"}", "http.url", "password", 0, 0},
    {"http.get", "{\"url\":\"http://a%00b/\"}", "http.url", "host", 0, 0},
    {"http.get", "{\"url\":\"$P/ok\",\"headers\":{\"X-A\":\"a\\r\\nX-B: b\"}}",
        "http.header", "line break", 0, 0},
    {"http.get", "{\"url\":\"$P/ok\",\"headers\":{\"X-A\":\"a\\u0000b\"}}",
        "http.header", "control", 0, 0},
    {"http.get", "{\"url\":\"$P/ok\",\"headers\":{\"X A\":\"a\"}}", "http.header",
        "not the name", 0, 0},
    {"http.get", "{\"url\":\"$P/ok\",\"headers\":{\"X-A:\\n\":\"a\"}}", "http.header",
        "not the name", 0, 0},
    {"http.get", "{\"url\":\"$P/ok\",\"headers\":{\"X-A\":{}}}", "http.header", "map",
        0, 0},
    {"http.get", "{\"url\":\"$P/ok\",\"headers\":{\"X-A\":\"1\",\"x-a\":\"2\"}}",
        "http.header", "twice", 0, 0},
    {"http.post", "{\"url\":\"$P/ok\",\"headers\":{\"Content-Length\":1}}",
        "http.header", "itself", 0, 0},
    {"http.post", "{\"url\":\"$P/ok\",\"body\":\"a\",\"json\":1}", "http.body",
        "one of", 0, 0},
    {"http.request", "{\"url\":\"$P/ok\",\"method\":\"GET /\"}", "http.method", "word",
        0, 0},
    {"http.request", "{\"url\":\"$P/ok\",\"method\":\"CONNECT\"}", "http.method",
        "CONNECT", 0, 0},
    {"http.post", "{\"url\":\"http://127.0.0.1:1/x?token=1\"}", "http.connect",
        "POST http://127.0.0.1:1/x: ", 0, 1},
    {"http.get", "{\"url\":\"http://127.0.0.1:1/\"}", "http.connect",
        "after 4 attempts", 0, 1},
    {"http.post", "{\"url\":\"http://no-such-host.invalid/\"}", "http.resolve",
        "no-such-host.invalid", 0, 1},
    {"http.post", "{\"url\":\"$S/ok\"}", "http.tls", "trusted is ", 0, 0},
    {"http.get", "{\"url\":\"$S/ok\",\"ca_file\":\"$D/other.pem\"}", "http.tls",
        "trusted is /", 0, 0},
    {"http.get", "{\"url\":\"$S/ok\",\"ca_file\":\"$D/none.pem\"}", "http.tls",
        "cannot be read", 0, 0},
    {"http.get", "{\"url\":\"$P/hang\",\"timeout\":250,\"retries\":0}", "http.timeout",
        "no answer within", 0, 1},
    {"http.post", "{\"url\":\"$P/hang\",\"timeout\":250}", "http.timeout",
        "no answer within", 1, 0},
    {"http.post", "{\"url\":\"$P/slow\",\"timeout\":250}", "http.timeout",
        "was not whole", 1, 0},
    {"http.get", "{\"url\":\"$P/reset\",\"retries\":0}", "http.reset", "GET http", 0,
        1},
    {"http.post", "{\"url\":\"$P/reset\"}", "http.reset", "POST http", 1, 0},
    {"http.put", "{\"url\":\"$P/empty\"}", "http.reset", "without an answer", 1, 0},
    {"http.get", "{\"url\":\"$P/truncated\",\"retries\":0}", "http.reset",
        "cut off after 9 bytes", 0, 1},
    {"http.post", "{\"url\":\"$P/truncated\"}", "http.reset", "cut off", 1, 0},
    {"http.get", "{\"url\":\"$P/truncated-chunked\",\"retries\":0}", "http.reset",
        "cut off", 0, 1},
    {"http.get", "{\"url\":\"$P/bad-chunk\"}", "http.protocol", "chunk", 0, 0},
    {"http.get", "{\"url\":\"$P/bad-length\"}", "http.protocol", "Content-Length", 0,
        0},
    {"http.get", "{\"url\":\"$P/bad-gzip\"}", "http.protocol", "", 0, 0},
    {"http.get", "{\"url\":\"$P/not-http\"}", "http.protocol", "", 0, 0},
    {"http.get", "{\"url\":\"$P/nul-header\"}", "http.protocol", "", 0, 0},
    {"http.get", "{\"url\":\"$P/escape-header\"}", "http.protocol", "control", 0, 0},
    {"http.get", "{\"url\":\"$P/many-headers\"}", "http.large", "more than 100", 0, 0},
    {"http.get", "{\"url\":\"$P/endless-headers\"}", "http.large", "header", 0, 0},
    {"http.get", "{\"url\":\"$P/endless-1xx\"}", "http.large", "header", 0, 0},
    {"http.get", "{\"url\":\"$P/long-line\"}", "http.large", "header", 0, 0},
    {"http.get", "{\"url\":\"$P/bomb\"}", "http.large", "max_bytes", 0, 0},
    {"http.get", "{\"url\":\"$P/large/1001\",\"max_bytes\":1000}", "http.large", "1000",
        0, 0},
    {"http.post", "{\"url\":\"$P/large/1001\",\"max_bytes\":1000}", "http.large",
        "1000", 1, 0},
    {"http.get", "{\"url\":\"$P/status/404?body=no%20such%1bthing\"}", "http.status",
        "answered 404: no such\\x1bthing", 0, 0},
    {"http.get", "{\"url\":\"$P/status/401\"}", "http.status", "no credential", 0, 0},
    {"http.get",
        "{\"url\":\"$P/status/403\",\"headers\":{\"Authorization\":[\"Bearer "
        "\",\"secret:KEY\"]}}",
        "http.status", "KEY was accepted, but", 0, 0},
    {"http.get", "{\"url\":\"$P/status/200\",\"expect\":[201,204]}", "http.status",
        "answered 200", 0, 0},
    {"http.get", "{\"url\":\"$P/status/500\"}", "http.status", "answered 500", 0, 0},
    {"http.post", "{\"url\":\"$P/status/502\"}", "http.status", "answered 502", 1, 0},
    {"http.post", "{\"url\":\"$P/status/503\"}", "http.status", "answered 503", 0, 1},
    {"http.post", "{\"url\":\"$P/status/429\"}", "http.rate_limited", "answered 429", 0,
        1},
    {"http.get", "{\"url\":\"$P/busy/429/3600?key=cap\"}", "http.rate_limited",
        "1h, max_wait is 2m", 0, 1},
    {"http.get", "{\"url\":\"$P/busy/503/3600?key=cap2\"}", "http.rate_limited", "1h",
        0, 1},
    {"http.get",
        "{\"url\":\"$P/status/500?body=" TOKEN "\",\"headers\":{\"X\":\"secret:"
        "KEY\"}}",
        "http.status", "***KEY***", 0, 0},
    {"http.get", "{\"url\":\"$P/loop\"}", "http.redirect", "more than 5 times", 0, 0},
    {"http.get", "{\"url\":\"$P/to/302?url=file:///etc/passwd\"}", "http.scheme",
        "location", 0, 0},
    {"http.get", "{\"url\":\"$P/to/302?url=http://%2500/\"}", "http.redirect",
        "location", 0, 0},
    {"http.get", "{\"url\":\"$S/to/302?url=$P/ok\",\"ca_file\":\"$D/ca.pem\"}",
        "http.redirect", "from https to http", 0, 0},
    {"http.post",
        "{\"url\":\"$P/to/307?url=$Q/ok\",\"redirects\":2,\"json\":"
        "{\"a\":\"secret:KEY\"}}",
        "http.redirect", "body carries a secret", 0, 0},
    {"http.post", "{\"url\":\"$P/to/307?url=/ok\"}", "http.status", "answered 307", 0,
        0},
    {"http.post", "{\"url\":\"$P/to/303?url=/empty\",\"redirects\":2}", "http.reset",
        "GET ", 1, 0},
    {"http.get", "{\"url\":[\"$P/status/404/\",\"secret:KEY\"]}", "http.status", "/***",
        0, 0},
    {"http.get", "{\"url\":\"secret:KEY\"}", "http.url", "begins with https", 0, 0},
    {"http.get", "{\"url\":\"$P/ok\",\"proxy\":\"http://127.0.0.1:1\"}", "http.connect",
        "", 0, 1},
};

static void test_failures(struct fixture *f)
{
	open_host(f, true);
	for (size_t i = 0; i < PL_COUNT(failings); i++) {
		const struct failing *want = &failings[i];
		struct asked a = ask(f, want->row, want->json);
		const struct pl_err *err = &a.call.err;
		bool good = a.call.failed && strcmp(err->code, want->code) == 0 &&
		    strstr(err->msg, want->says) && err->unknown == want->unknown &&
		    err->retryable == want->retryable &&
		    !strstr(err->msg, "TOKEN-value");

		CHECK(good);
		if (!good)
			printf("     %s %s\n     %s: %s (unknown %d, retryable %d)\n",
			    want->row, want->json, err->code, err->msg, err->unknown,
			    err->retryable);
	}
	close_host(f);
	printf("ok failures\n");
}

/* ---- answers -------------------------------------------------------------- */

static void test_requests(struct fixture *f)
{
	struct asked a;
	const struct pl_value *r;

	open_host(f, false);
	a = ask(f, "http.get",
	    "{\"url\":\"$P/echo?a=1#part\",\"query\":{\"b\":\"x y&z\",\"c\":[1,true]},"
	    "\"headers\":{\"X-List\":[\"Bearer \",\"secret:KEY\"],\"X-N\":7,\"X-E\":\"\"}}");
	r = pl_get(a.call.result, "json");
	CHECK_TEXT(pl_get_text(r, "target", ""), "/echo?a=1&b=x%20y%26z&c=1&c=true");
	CHECK_TEXT(pl_text_of(pl_at(r, "headers.x-list"), ""), "Bearer " TOKEN);
	CHECK_TEXT(pl_text_of(pl_at(r, "headers.x-n"), ""), "7");
	CHECK_TEXT(pl_text_of(pl_at(r, "headers.x-e"), "-"), "");
	CHECK(!strncmp(pl_text_of(pl_at(r, "headers.user-agent"), ""), "pipe/", 5));
	CHECK(!pl_at(r, "headers.cookie"));
	CHECK_INT(pl_get_int(a.call.result, "attempts", 0), 1);

	a = ask(f, "http.post",
	    "{\"url\":\"$P/echo\",\"json\":{\"z\":\"secret:KEY\",\"a\":[9007199254740993,"
	    "null,1.5,\"\\u00e9\"]}}");
	r = pl_get(a.call.result, "json");
	CHECK_TEXT(pl_get_text(r, "method", ""), "POST");
	CHECK_TEXT(pl_get_text(r, "body", ""),
	    "{\"z\":\"" TOKEN
	    "\",\"a\":[9007199254740993,null,1.5,\"\xc3\x83\xc2\xa9\"]}");
	CHECK_TEXT(
	    pl_text_of(pl_at(r, "headers.content-type"), ""), "application/json");

	a = ask(f, "http.patch",
	    "{\"url\":\"$P/echo\",\"form\":{\"a b\":\"c d\",\"e\":2}}");
	r = pl_get(a.call.result, "json");
	CHECK_TEXT(pl_get_text(r, "method", ""), "PATCH");
	CHECK_TEXT(pl_get_text(r, "body", ""), "a+b=c+d&e=2");

	a = ask(f, "http.put", "{\"url\":\"$P/echo\",\"body\":\"secret:KEY\"}");
	r = pl_get(a.call.result, "json");
	CHECK_TEXT(pl_get_text(r, "body", ""), TOKEN);
	CHECK(!pl_at(r, "headers.content-type"));

	a = ask(f, "http.post", "{\"url\":\"$P/echo\",\"idempotency_key\":\"k1\"}");
	r = pl_get(a.call.result, "json");
	CHECK_TEXT(pl_text_of(pl_at(r, "headers.content-length"), ""), "0");
	CHECK_TEXT(pl_text_of(pl_at(r, "headers.idempotency-key"), ""), "k1");

	a = ask(f, "http.delete", "{\"url\":\"$P/echo\"}");
	r = pl_get(a.call.result, "json");
	CHECK_TEXT(pl_get_text(r, "method", ""), "DELETE");
	CHECK(!pl_at(r, "headers.content-length"));

	a = ask(f, "http.request", "{\"url\":\"$P/echo\",\"method\":\"options\"}");
	CHECK_TEXT(pl_text_of(pl_at(a.call.result, "json.method"), ""), "OPTIONS");

	a = ask(f, "http.head", "{\"url\":\"$P/large/100\"}");
	CHECK_TEXT(
	    pl_text_of(pl_at(a.call.result, "headers.content-length"), ""), "100");
	CHECK_TEXT(body_of(&a), "");
	close_host(f);
	printf("ok requests\n");
}

static void test_answers(struct fixture *f)
{
	struct asked a;
	const struct pl_value *v;

	open_host(f, false);
	a = ask(f, "http.get", "{\"url\":\"$P/cookies\"}");
	v = pl_at(a.call.result, "headers.set-cookie");
	CHECK(v && v->kind == PL_LIST && v->as.list.len == 2);
	CHECK_TEXT(pl_text_of(pl_at(a.call.result, "headers.x-a"), ""), "one, two");

	a = ask(f, "http.get", "{\"url\":\"$P/zipped\"}");
	CHECK(pl_get_bool(pl_get(a.call.result, "json"), "zipped", false));

	a = ask(f, "http.get", "{\"url\":\"$P/nul-body\"}");
	v = pl_get(a.call.result, "body");
	CHECK(v && v->as.text.len == 4 && !memcmp(v->as.text.at, "a\0b\xff", 4));

	a = ask(f, "http.get", "{\"url\":\"$P/bad-json\"}");
	CHECK(!a.call.failed && !pl_get(a.call.result, "json"));

	a = ask(f, "http.get", "{\"url\":\"$P/folded-header\"}");
	CHECK_TEXT(pl_text_of(pl_at(a.call.result, "headers.x-a"), ""), "one two");

	a = ask(f, "http.get", "{\"url\":\"$P/status/404\",\"any_status\":true}");
	CHECK(!a.call.failed);
	CHECK_INT(pl_get_int(a.call.result, "status", 0), 404);

	a = ask(f, "http.get", "{\"url\":\"$P/status/404\",\"expect\":[200,404]}");
	CHECK(!a.call.failed);

	a = ask(f, "http.get",
	    "{\"url\":\"$P/status/404\"}"); /* the answer, all the same */
	CHECK_INT(pl_get_int(a.call.result, "status", 0), 404);

	a = ask(f, "http.get", "{\"url\":\"$P/ok\",\"query\":{\"t\":\"secret:KEY\"}}");
	CHECK(strstr(pl_get_text(a.call.result, "url", ""), "/ok?***"));

	a = ask(f, "http.get", "{\"url\":\"$S/ok\",\"ca_file\":\"$D/ca.pem\"}");
	CHECK(!a.call.failed);
	close_host(f);
	printf("ok answers\n");
}

static void test_redirects(struct fixture *f)
{
	struct asked a;
	const struct pl_value *r;

	open_host(f, false);
	a = ask(f, "http.get",
	    "{\"url\":\"$P/to/302?url=$Q/echo\",\"headers\":{\"X-Mine\":\"secret:KEY\","
	    "\"Authorization\":\"Basic abc\",\"X-Api-Key\":\"k\",\"Cookie\":\"c\","
	    "\"Project-Access-Token\":\"p\",\"X-Plain\":\"stays\"}}");
	r = pl_at(a.call.result, "json.headers");
	CHECK_TEXT(pl_get_text(r, "x-plain", ""), "stays");
	CHECK(!pl_get(r, "x-mine") && !pl_get(r, "authorization") &&
	    !pl_get(r, "cookie"));
	CHECK(!pl_get(r, "x-api-key") && !pl_get(r, "project-access-token"));

	a = ask(f, "http.get",
	    "{\"url\":\"$P/to/301?url=../echo\",\"headers\":{\"X-Mine\":\"secret:KEY\"}}");
	r = pl_get(a.call.result, "json");
	CHECK_TEXT(pl_get_text(r, "target", ""), "/echo");
	CHECK_TEXT(pl_text_of(pl_at(r, "headers.x-mine"), ""), TOKEN);
	CHECK(strstr(pl_get_text(a.call.result, "url", ""), "/echo"));

	a = ask(f, "http.post",
	    "{\"url\":\"$P/to/303?url=/echo\",\"json\":{\"a\":1},\"redirects\":2}");
	r = pl_get(a.call.result, "json");
	CHECK_TEXT(pl_get_text(r, "method", ""), "GET");
	CHECK_TEXT(pl_get_text(r, "body", "-"), "");
	CHECK(!pl_at(r, "headers.content-type"));

	a = ask(f, "http.post",
	    "{\"url\":\"$P/to/307?url=/echo\",\"json\":{\"a\":1},\"redirects\":2}");
	r = pl_get(a.call.result, "json");
	CHECK_TEXT(pl_get_text(r, "method", ""), "POST");
	CHECK_TEXT(pl_get_text(r, "body", "-"), "{\"a\":1}");

	a = ask(f, "http.get",
	    "{\"url\":\"$P/to/302?url=/ok\",\"redirects\":0,"
	    "\"any_status\":true}");
	CHECK_INT(pl_get_int(a.call.result, "status", 0), 302);
	a = ask(f, "http.get", "{\"url\":\"$P/to/302?url=/ok\",\"expect\":[302]}");
	CHECK_INT(pl_get_int(a.call.result, "status", 0), 302);
	a = ask(f, "http.get",
	    "{\"url\":\"$P/to/302?url=$S/ok\",\"ca_file\":\"$D/ca.pem\"}");
	CHECK_INT(pl_get_int(a.call.result, "status", 0), 200);
	close_host(f);
	printf("ok redirects\n");
}

/* ---- again? --------------------------------------------------------------- */

static void test_retries(struct fixture *f)
{
	struct asked a;
	int64_t before;
	char json[200];

	open_host(f, true);
	a = ask(f, "http.get", "{\"url\":\"$P/flaky/2?key=f1\"}");
	CHECK_INT(pl_get_int(a.call.result, "attempts", 0), 3);
	a = ask(f, "http.get", "{\"url\":\"$P/flaky/9?key=f2\"}");
	CHECK_TEXT(a.call.err.code, "http.status");
	CHECK_INT(count(f, "f2"), 4);
	CHECK(strstr(a.call.err.msg, "<h1>Bad") && !strchr(a.call.err.msg, 7));
	a = ask(f, "http.get",
	    "{\"url\":\"$P/flaky/2?key=f3\",\"retries\":1,"
	    "\"any_status\":true}");
	CHECK_INT(pl_get_int(a.call.result, "status", 0), 502);

	/* A write is sent once, whatever becomes of it, */
	ask(f, "http.post", "{\"url\":\"$P/flaky/2?key=w1\"}");
	CHECK_INT(count(f, "w1"), 1);
	ask(f, "http.post", "{\"url\":\"$P/flaky/2?key=w2\",\"retries\":5}");
	CHECK_INT(count(f, "w2"), 1);
	ask(f, "http.post", "{\"url\":\"$P/empty?key=w3\",\"retries\":5}");
	CHECK_INT(count(f, "w3"), 1);
	/* also over a connection that was kept, */
	ask(f, "http.get", "{\"url\":\"$P/second-dropped?key=g1\"}");
	ask(f, "http.get", "{\"url\":\"$P/second-dropped?key=g1\"}");
	ask(f, "http.post", "{\"url\":\"$P/second-dropped?key=w4\"}");
	ask(f, "http.post", "{\"url\":\"$P/second-dropped?key=w4\"}");
	CHECK_INT(count(f, "w4"), 2);
	/* unless the server knows it again, or has refused it. */
	a = ask(f, "http.post",
	    "{\"url\":\"$P/flaky/2?key=w5\",\"idempotency_key\":\"k\"}");
	CHECK_INT(pl_get_int(a.call.result, "attempts", 0), 3);
	a = ask(f, "http.post", "{\"url\":\"$P/busy/429/3?key=w6\",\"retries\":1}");
	CHECK_INT(pl_get_int(a.call.result, "attempts", 0), 2);
	a = ask(
	    f, "http.post", "{\"url\":\"$P/empty?key=w7\",\"idempotency_key\":\"k\"}");
	CHECK(a.call.failed && a.call.err.unknown && !a.call.err.retryable);
	CHECK_INT(count(f, "w7"), 4);

	before = pl_host_now(f->host);
	a = ask(f, "http.get", "{\"url\":\"$P/busy/429/60?key=b1\"}");
	CHECK_INT(pl_get_int(a.call.result, "attempts", 0), 2);
	CHECK_INT(pl_host_now(f->host) - before, 60000);
	/* NOW is Mon, 21 Sep 2026 13:33:20 GMT; a minute and a bit have passed. */
	before = pl_host_now(f->host);
	a = ask(f, "http.get",
	    "{\"url\":\"$P/busy/503/Mon,_21_Sep_2026_14:26:40_GMT?key=b2\","
	    "\"max_wait\":7200000}");
	CHECK_INT(pl_get_int(a.call.result, "attempts", 0), 2);
	CHECK(pl_host_now(f->host) > before);
	snprintf(json, sizeof json, "{\"url\":\"$P/spent/90?key=b3&now=%lld\"}",
	    (long long)pl_host_now(f->host) / 1000);
	before = pl_host_now(f->host);
	a = ask(f, "http.get", json);
	CHECK_INT(pl_get_int(a.call.result, "attempts", 0), 2);
	CHECK(pl_host_now(f->host) - before > 88000);
	close_host(f);
	printf("ok retries\n");
}

/* ---- many, and cancelling ------------------------------------------------- */

static int connections(struct fixture *f)
{
	struct asked a = ask(f, "http.get", "{\"url\":\"$P/connections\"}");

	return (int)pl_get_int(a.call.result, "json", -1);
}

static void test_many(struct fixture *f)
{
	static struct asked many[100];
	struct asked a;
	int before, good = 0;

	open_host(f, false);
	before = connections(f);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < PL_COUNT(many); i++)
			begin(f, &many[i], "http.get", "{\"url\":\"$P/ok\"}");
		for (size_t i = 0; i < PL_COUNT(many); i++) {
			settle(f, &many[i]);
			good += !many[i].call.failed;
		}
	}
	CHECK_INT(good, 300);
	CHECK(connections(f) - before <= PL_HTTP_INFLIGHT + 1);
	a = ask(f, "http.get", "{\"url\":\"$P/ok\"}");
	CHECK(!a.call.failed);
	CHECK(!pl_host_turn(f->host)); /* kept connections do not keep the loop */
	close_host(f);
	printf("ok many\n");
}

static void test_cancel(struct fixture *f)
{
	static struct asked a, many[70];

	open_host(f, false);
	begin(f, &a, "http.get", "{\"url\":\"$P/slow\"}");
	for (int i = 0; i < 10; i++)
		pl_host_turn(f->host);
	pl_call_cancel(&a.call);
	settle(f, &a);
	CHECK_TEXT(a.call.err.code, "cancelled");
	CHECK(!a.call.err.unknown);

	begin(f, &a, "http.post", "{\"url\":\"$P/slow?key=c1\"}");
	while (count(f, "c1") < 1)
		;
	pl_call_cancel(&a.call);
	settle(f, &a);
	CHECK_TEXT(a.call.err.code, "cancelled");
	CHECK(a.call.err.unknown);

	/* between attempts */
	begin(f, &a, "http.get", "{\"url\":\"http://127.0.0.1:1/\"}");
	for (int i = 0; i < 5; i++)
		pl_host_turn(f->host);
	pl_call_cancel(&a.call);
	settle(f, &a);
	CHECK_TEXT(a.call.err.code, "cancelled");

	/* while waiting for its turn, and all of them as the host ends */
	for (size_t i = 0; i < PL_COUNT(many); i++)
		begin(f, &many[i], "http.get", "{\"url\":\"$P/hang\"}");
	pl_call_cancel(&many[69].call);
	CHECK_TEXT(many[69].call.err.code, "cancelled");
	pl_call_cancel(&many[3].call);
	CHECK_TEXT(many[3].call.err.code, "cancelled");
	pl_host_turn(f->host);
	close_host(f);
	for (size_t i = 0; i < PL_COUNT(many); i++)
		CHECK(many[i].done && !strcmp(many[i].call.err.code, "cancelled"));
	printf("ok cancel\n");
}

static void test_latch(struct fixture *f)
{
	struct asked a;

	open_host(f, false);
	pl_host_latch_writes(f->host);
	a = ask(f, "http.post", "{\"url\":\"$P/ok?key=l1\"}");
	CHECK_TEXT(a.call.err.code, "latch.closed");
	CHECK_INT(count(f, "l1"), 0);
	close_host(f);
	printf("ok latch\n");
}

/* The odd server takes a proxy's requests, too: the name is never looked up. */
static void test_settings(struct fixture *f)
{
	static const char url[] = "{\"url\":\"http://odd.invalid/echo\",\"retries\":0}";
	struct asked a;
	char proxy[60];

	open_host(f, false);
	a = ask(
	    f, "http.get", "{\"url\":\"http://odd.invalid/echo\",\"proxy\":\"$P\"}");
	CHECK_TEXT(pl_text_of(pl_at(a.call.result, "json.target"), ""),
	    "http://odd.invalid/echo");
	snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", f->odd.port);
	setenv("http_proxy", proxy, 1);
	a = ask(f, "http.get", url);
	CHECK(!a.call.failed);
	setenv("no_proxy", "odd.invalid", 1);
	a = ask(f, "http.get", url);
	CHECK_TEXT(a.call.err.code, "http.resolve");
	unsetenv("http_proxy");
	unsetenv("no_proxy");

	pl_host_set_http(f->host,
	    args_of(f,
	        "{\"proxy\":\"$Q\",\"no_proxy\":\"localhost\",\"user_agent\":"
	        "\"odd/1\",\"ca_file\":\"$D/ca.pem\",\"max_bytes\":900}"));
	a = ask(f, "http.get", url);
	CHECK_TEXT(
	    pl_text_of(pl_at(a.call.result, "json.headers.user-agent"), ""), "odd/1");
	a = ask(f, "http.get", "{\"url\":\"$S/ok\"}");
	CHECK(!a.call.failed);
	a = ask(f, "http.get", "{\"url\":\"$S/large/901\"}");
	CHECK_TEXT(a.call.err.code, "http.large");
	a = ask(f, "http.get", "{\"url\":\"$S/ok\",\"ca_file\":\"$D/other.pem\"}");
	CHECK_TEXT(a.call.err.code, "http.tls");
	pl_host_set_http(f->host, args_of(f, "{\"ca_directory\":\"$D\"}"));
	a = ask(f, "http.get", "{\"url\":\"$S/ok\"}");
	CHECK(strstr(a.call.err.msg, f->odd.folder));
	close_host(f);
	printf("ok settings\n");
}

static void test_target(struct fixture *f)
{
	struct pl_call call = {0};

	open_host(f, false);
	call.host = f->host;
	call.arena = &f->arena;
	call.row = row_of("http.put");
	call.class = PL_WRITE;
	call.args = args_of(f, "{\"url\":\"https://API.example.com/a/../b?x=1\"}");
	CHECK_TEXT(call.row->target(&call), "PUT https://api.example.com/b");
	close_host(f);
	printf("ok target\n");
}

int main(void)
{
	struct fixture f = {0};

	begin_tests(&f);
	test_requests(&f);
	test_answers(&f);
	test_failures(&f);
	test_redirects(&f);
	test_retries(&f);
	test_many(&f);
	test_cancel(&f);
	test_latch(&f);
	test_settings(&f);
	test_target(&f);
	return end_tests(&f);
}
