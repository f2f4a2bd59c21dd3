/* http against a router: the simulated world, on a virtual clock. */
#include "http_fixture.h"

struct world {
	int asked;
	char last[2000]; /* the last request, as JSON */
	const char *first, *then; /* answers as JSON */
	const char *url;
};

static bool route(void *arg, struct pl_arena *a, const struct pl_value *request,
    struct pl_value **answer, const char **url, struct pl_err *err)
{
	struct world *w = arg;
	const char *json = w->asked++ == 0 || !w->then ? w->first : w->then;
	struct pl_buf text = {0};
	bool ok = true;

	pl_json_pretty(&text, request);
	snprintf(w->last, sizeof w->last, "%s", text.at);
	pl_buf_fini(&text);
	if (w->url)
		*url = w->url;
	else
		ok = pl_json_parse(answer, a, json, strlen(json), err);
	return ok;
}

static struct asked simulate(
    struct fixture *f, struct world *w, const char *row, const char *json)
{
	struct pl_router router = {.route = route, .arg = w};
	struct asked a;

	pl_host_set_router(f->host, &router);
	a = ask(f, row, json);
	pl_host_set_router(f->host, NULL);
	return a;
}

static void test_router(struct fixture *f)
{
	struct asked a;
	struct world w;
	int64_t before;
	char url[100];

	open_host(f, true);
	w = (struct world){.first = "{\"status\":429,\"headers\":{\"Retry-After\":60}}",
	    .then =
	        "{\"status\":200,\"headers\":{\"Content-Type\":\"application/json\"},"
	        "\"body\":\"{\\\"a\\\":1}\",\"delay_ms\":5000}"};
	before = pl_host_now(f->host);
	a = simulate(f, &w, "http.get",
	    "{\"url\":\"https://api.example.com/x\",\"headers\":{\"A\":\"secret:KEY\"}}");
	CHECK_INT(pl_host_now(f->host) - before, 65000);
	CHECK_INT(pl_get_int(pl_get(a.call.result, "json"), "a", 0), 1);
	CHECK(strstr(w.last, "\"a\": \"" TOKEN) &&
	    strstr(w.last, "\"https://api.example.com/x\""));

	w = (struct world){.first = "{\"error\":\"reset\",\"sent\":true}"};
	a = simulate(f, &w, "http.post", "{\"url\":\"https://api.example.com/x\"}");
	CHECK_TEXT(a.call.err.code, "http.reset");
	CHECK(a.call.err.unknown);
	CHECK_INT(w.asked, 1);
	w = (struct world){.first = "{\"error\":\"connect\"}"};
	a = simulate(f, &w, "http.post", "{\"url\":\"https://api.example.com/x\"}");
	CHECK_TEXT(a.call.err.code, "http.connect");
	CHECK(!a.call.err.unknown && a.call.err.retryable);
	w = (struct world){.first = "{\"error\":\"timeout\",\"sent\":false}"};
	a = simulate(f, &w, "http.get", "{\"url\":\"https://api.example.com/x\"}");
	CHECK_TEXT(a.call.err.code, "http.timeout");
	CHECK_INT(w.asked, 4);

	/* An answer later than the timeout is a timeout. */
	w = (struct world){.first = "{\"status\":200,\"delay_ms\":60000}"};
	before = pl_host_now(f->host);
	a = simulate(f, &w, "http.post", "{\"url\":\"https://api.example.com/x\"}");
	CHECK_TEXT(a.call.err.code, "http.timeout");
	CHECK(a.call.err.unknown);
	CHECK_INT(pl_host_now(f->host) - before, 30000);

	w = (struct world){.first = "{\"status\":302,\"headers\":{\"location\":"
	                            "\"https://other.example/y\"}}",
	    .then = "{\"status\":200,\"body\":\"there\"}"};
	a = simulate(f, &w, "http.get",
	    "{\"url\":\"https://api.example.com/x\",\"headers\":{\"A\":\"secret:KEY\"}}");
	CHECK_TEXT(body_of(&a), "there");
	CHECK(!strstr(w.last, TOKEN) && strstr(w.last, "other.example"));
	w = (struct world){.first = "{\"status\":200,\"body\":\"0123456789\"}"};
	a = simulate(
	    f, &w, "http.get", "{\"url\":\"https://a.example\",\"max_bytes\":9}");
	CHECK_TEXT(a.call.err.code, "http.large");
	w = (struct world){.first = "{\"status\":200,\"headers\":{\"A\":\"b\\nc\"}}"};
	a = simulate(f, &w, "http.get", "{\"url\":\"https://a.example\"}");
	CHECK_TEXT(a.call.err.code, "http.protocol");
	w = (struct world){.first = "{"};
	a = simulate(f, &w, "http.get", "{\"url\":\"https://a.example\"}");
	CHECK_TEXT(a.call.err.code, "json.syntax");

	/* A world over TCP: another address, the same request. */
	snprintf(url, sizeof url, "http://127.0.0.1:%u/echo?via=world", f->odd.port);
	w = (struct world){.url = url};
	a = simulate(f, &w, "http.post", "{\"url\":\"https://api.example.com/x\"}");
	CHECK_TEXT(
	    pl_text_of(pl_at(a.call.result, "json.target"), ""), "/echo?via=world");
	CHECK_TEXT(pl_get_text(a.call.result, "url", ""), "https://api.example.com/x");
	close_host(f);
	printf("ok router\n");
}

/* Cancelled while the answer is on its way, and as the host ends. */
static void test_cancel(struct fixture *f)
{
	static struct asked a, b;
	struct world w = {.first = "{\"status\":200,\"delay_ms\":5000}"};
	struct pl_router router = {.route = route, .arg = &w};

	open_host(f, true);
	pl_host_set_router(f->host, &router);
	begin(f, &a, "http.post", "{\"url\":\"https://api.example.com/x\"}");
	CHECK(!a.done);
	pl_call_cancel(&a.call);
	settle(f, &a);
	CHECK_TEXT(a.call.err.code, "cancelled");
	CHECK(a.call.err.unknown);
	w.first = "{\"error\":\"connect\",\"delay_ms\":5000}";
	begin(f, &a, "http.post", "{\"url\":\"https://api.example.com/x\"}");
	begin(f, &b, "http.get", "{\"url\":\"https://api.example.com/x\"}");
	close_host(f);
	CHECK(a.done && b.done && !a.call.err.unknown);
	CHECK_TEXT(b.call.err.code, "cancelled");
	printf("ok cancel\n");
}

/* A slow fault is a timeout, and what was sent stays sent. */
static void test_slow_faults(struct fixture *f)
{
	struct world w = {.first = "{\"error\":\"reset\",\"delay_ms\":90000}"};
	struct asked a;

	open_host(f, true);
	a = simulate(
	    f, &w, "http.post", "{\"url\":\"https://a.example\",\"timeout\":100}");
	CHECK_TEXT(a.call.err.code, "http.timeout");
	CHECK(a.call.err.unknown);
	w = (struct world){.first = "{\"error\":\"connect\",\"delay_ms\":90000}"};
	a = simulate(f, &w, "http.post", "{\"url\":\"https://a.example\"}");
	CHECK_TEXT(a.call.err.code, "http.timeout");
	CHECK(!a.call.err.unknown);
	w = (struct world){.first = "{\"error\":\"nonsense\"}"};
	a = simulate(f, &w, "http.post", "{\"url\":\"https://a.example\"}");
	CHECK_TEXT(a.call.err.code, "http.protocol");
	close_host(f);
	printf("ok slow faults\n");
}

int main(void)
{
	struct fixture f = {0};

	begin_tests(&f);
	test_router(&f);
	test_slow_faults(&f);
	test_cancel(&f);
	return end_tests(&f);
}
