/* The simulator's server: requests as they are received, answers of every kind, and
 * git's own client against git's own backend. */
#include "../../interp/host/host.h"
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct fixture {
	struct pl_server *server;
	struct pl_host *host;
	struct pl_arena arena;
	char folder[200];
	atomic_int served; /* how many requests have come */
};

/* ---- what it serves -------------------------------------------------------- */

static struct pl_value *json(struct pl_arena *a, const char *text)
{
	struct pl_value *v = NULL;
	struct pl_err err;

	if (!pl_json_parse(&v, a, text, strlen(text), &err)) {
		printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, err.msg);
		exit(1);
	}
	return v;
}

static const struct {
	const char *path, *answer; /* NULL: no answer at all */
} answers[] = {
    {"/plain",
        "{\"status\":201,\"headers\":{\"X-A\":\"b\",\"X-N\":7,\"Set-Cookie\":"
        "[\"a=1\",\"b=2\"],\"Content-Length\":\"9999\"},\"body\":\"hello\"}"},
    {"/drop", "{\"drop\":true}"},
    {"/fault", "{\"error\":\"reset\"}"},
    {"/none", NULL},
    {"/split",
        "{\"status\":200,\"headers\":{\"X-A\":\"b\\r\\nX-B: c\"},\"body\":\"x\"}"},
    {"/sleep", "{\"status\":200,\"sleep_ms\":600000}"},
    {"/cgi",
        "{\"cgi\":{\"argv\":[\"sh\",\"-c\",\"echo 'Status: 202 Odd'; echo X-Env: "
        "$REQUEST_METHOD $CONTENT_LENGTH $QUERY_STRING $HTTP_X_MINE $MINE "
        "$HTTP_CONTENT_ENCODING; printf '\\\\r\\\\n'; cat\"],\"env\":"
        "{\"MINE\":\"own\"}}}"},
    {"/cgi-deaf", "{\"cgi\":{\"argv\":[\"sh\",\"-c\",\"echo; echo done\"]}}"},
    {"/cgi-mute", "{\"cgi\":{\"argv\":[\"true\"]}}"},
    {"/cgi-none", "{\"cgi\":{\"argv\":[\"no-such-program-here\"]}}"},
    {"/cgi-hang", "{\"cgi\":{\"argv\":[\"sleep\",\"600\"]}}"},
};

static struct pl_value *git_answer(struct fixture *f, struct pl_arena *a)
{
	struct pl_value *answer = json(a,
	    "{\"cgi\":{\"argv\":[\"git\",\"http-backend\"],\"env\":{"
	    "\"GIT_HTTP_EXPORT_ALL\":\"1\",\"REMOTE_USER\":\"odd\"}}}");

	pl_map_set(
	    a, pl_at(answer, "cgi.env"), "GIT_PROJECT_ROOT", pl_text(a, f->folder));
	return answer;
}

static void serve(void *arg, struct pl_arena *a, const struct pl_value *request,
    struct pl_value **answer)
{
	struct fixture *f = arg;
	const char *path = pl_get_text(request, "path", "");
	struct pl_buf text = {0};

	f->served++;
	if (f->host)
		pl_host_wake(f->host);
	if (strstr(path, ".git/")) {
		*answer = git_answer(f, a);
		return;
	}
	for (size_t i = 0; i < PL_COUNT(answers); i++) {
		if (strcmp(answers[i].path, path) != 0)
			continue;
		*answer = answers[i].answer ? json(a, answers[i].answer) : NULL;
		return;
	}
	pl_json_pretty(&text, request); /* an echo */
	*answer = json(a, "{\"headers\":{\"Content-Type\":\"application/json\"}}");
	pl_map_set(a, *answer, "body", pl_textn(a, text.at, text.len));
	pl_buf_fini(&text);
}

/* ---- asking it -------------------------------------------------------------- */

struct asked {
	struct pl_call call;
	bool done;
};

static void finished(struct pl_call *call)
{
	((struct asked *)call->owner)->done = true;
}

static void begin(struct fixture *f, struct asked *a, const char *method,
    const char *path, struct pl_value *args)
{
	const struct pl_row *row = pl_http_rows;

	while (strcmp(row->name, "http.request") != 0)
		row++;
	memset(a, 0, sizeof *a);
	pl_map_set(&f->arena, args, "method", pl_text(&f->arena, method));
	pl_map_set(&f->arena, args, "url",
	    pl_textf(
	        &f->arena, "http://127.0.0.1:%d%s", pl_server_port(f->server), path));
	pl_map_set(&f->arena, args, "any_status", pl_bool(&f->arena, true));
	a->call = (struct pl_call){.host = f->host,
	    .row = row,
	    .arena = &f->arena,
	    .args = args,
	    .class = PL_WRITE,
	    .finished = finished,
	    .owner = a};
	row->start(&a->call);
}

static struct asked ask(
    struct fixture *f, const char *method, const char *path, const char *args)
{
	static struct asked a;

	begin(f, &a, method, path, json(&f->arena, args));
	while (!a.done && pl_host_turn(f->host))
		;
	CHECK(a.done);
	return a;
}

static void check_answers(struct fixture *f)
{
	struct asked a;
	const struct pl_value *r, *v;

	a = ask(f, "POST", "/a%20b/c?x=%41&y",
	    "{\"headers\":{\"X-Mine\":\"Yes\"},\"body\":\"a\\u0000b\"}");
	r = pl_get(a.call.result, "json");
	CHECK_TEXT(pl_get_text(r, "method", ""), "POST");
	CHECK_TEXT(pl_get_text(r, "url", ""), "/a%20b/c?x=%41&y");
	CHECK_TEXT(pl_get_text(r, "path", ""), "/a%20b/c");
	CHECK_TEXT(pl_text_of(pl_at(r, "headers.x-mine"), ""), "Yes");
	v = pl_get(r, "body");
	CHECK(v && v->as.text.len == 3 && v->as.text.at[1] == '\0');

	a = ask(f, "GET", "/plain", "{}");
	CHECK_INT(pl_get_int(a.call.result, "status", 0), 201);
	CHECK_TEXT(pl_get_text(a.call.result, "body", ""), "hello");
	CHECK_TEXT(pl_text_of(pl_at(a.call.result, "headers.x-n"), ""), "7");
	v = pl_at(a.call.result, "headers.set-cookie");
	CHECK(v && v->kind == PL_LIST && v->as.list.len == 2);
	a = ask(f, "HEAD", "/plain", "{}");
	CHECK_TEXT(pl_get_text(a.call.result, "body", "-"), "");

	a = ask(f, "POST", "/drop", "{}");
	CHECK_TEXT(a.call.err.code, "http.reset");
	CHECK(a.call.err.unknown);
	a = ask(f, "POST", "/fault", "{}");
	CHECK_TEXT(a.call.err.code, "http.reset");
	a = ask(f, "GET", "/none", "{}");
	CHECK_INT(pl_get_int(a.call.result, "status", 0), 500);
	a = ask(f, "GET", "/split", "{}");
	CHECK(!pl_at(a.call.result, "headers.x-b"));
	printf("ok answers\n");
}

static void check_large(struct fixture *f)
{
	struct pl_value *args = pl_map(&f->arena);
	size_t n = 65 << 20;
	char *much = pl_alloc(n);
	struct asked a;

	memset(much, 'x', n);
	pl_map_set(&f->arena, args, "body", pl_textn(&f->arena, much, n));
	begin(f, &a, "POST", "/echo", args);
	while (!a.done && pl_host_turn(f->host))
		;
	CHECK(a.call.failed || pl_get_int(a.call.result, "status", 0) == 413);
	args = pl_map(&f->arena);
	pl_map_set(&f->arena, args, "body", pl_textn(&f->arena, much, 3 << 20));
	begin(f, &a, "POST", "/cgi", args);
	while (!a.done && pl_host_turn(f->host))
		;
	CHECK_INT(pl_get(a.call.result, "body")->as.text.len, 3 << 20);
	begin(f, &a, "POST", "/cgi-deaf", args);
	while (!a.done && pl_host_turn(f->host))
		;
	CHECK_TEXT(pl_get_text(a.call.result, "body", ""), "done\n");
	free(much);
	printf("ok large\n");
}

static void check_cgi(struct fixture *f)
{
	struct asked a;

	a = ask(f, "POST", "/cgi?q=1",
	    "{\"headers\":{\"X-Mine\":\"yes\",\"Content-Encoding\":\"gzip\"},"
	    "\"body\":\"fed\"}");
	CHECK_INT(pl_get_int(a.call.result, "status", 0), 202);
	CHECK_TEXT(pl_text_of(pl_at(a.call.result, "headers.x-env"), ""),
	    "POST 3 q=1 yes own gzip");
	CHECK_TEXT(pl_get_text(a.call.result, "body", ""), "fed");
	a = ask(f, "GET", "/cgi-mute", "{}");
	CHECK_INT(pl_get_int(a.call.result, "status", 0), 502);
	a = ask(f, "GET", "/cgi-none", "{}");
	CHECK_INT(pl_get_int(a.call.result, "status", 0), 502);
	CHECK(strstr(pl_get_text(a.call.result, "body", ""), "no-such-program-here"));
	printf("ok cgi\n");
}

/* A push that is large enough to come in pieces, and a clone of it. */
static void check_git(struct fixture *f)
{
	char command[2000];

	snprintf(command, sizeof command,
	    "cd '%s' && exec >/dev/null 2>log && export HOME=\"$PWD\" "
	    "GIT_CONFIG_NOSYSTEM=1 && git init -q --bare r.git && "
	    "git -C r.git config http.receivepack true && git init -q w && cd w && "
	    "head -c 3000000 /dev/urandom >big && git add big && "
	    "git -c user.name=a -c user.email=a@b commit -q -m one && "
	    "git push -q http://127.0.0.1:%d/r.git HEAD:refs/heads/main && cd .. && "
	    "git clone -q -b main http://127.0.0.1:%d/r.git c && cmp w/big c/big",
	    f->folder, pl_server_port(f->server), pl_server_port(f->server));
	CHECK_INT(system(command), 0);
	printf("ok git\n");
}

static int connect_to(int port)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
	return fd;
}

/* Bytes that are no request, and requests that never become whole. */
static void check_broken(struct fixture *f)
{
	static const char *const broken[] = {"\r\n\r\n\r\n", "GET\r\n\r\n",
	    "\x16\x03\x01",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nten bytes",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	    "GET /x HTTP/1.1\r\n"};
	struct asked a;

	for (size_t i = 0; i < PL_COUNT(broken); i++) {
		int fd = connect_to(pl_server_port(f->server));

		CHECK(write(fd, broken[i], strlen(broken[i])) > 0);
		close(fd);
	}
	a = ask(f, "GET", "/plain", "{}");
	CHECK(!a.call.failed);
	printf("ok broken\n");
}

/* Whatever the server waits for, stopping it takes no time. */
static void check_stop(struct fixture *f, const char *path)
{
	static struct asked a;
	int before;

	f->server = pl_server_start("127.0.0.1", 0, serve, f, NULL);
	CHECK(f->server != NULL);
	before = f->served;
	begin(f, &a, "GET", path, pl_map(&f->arena));
	while (f->served == before)
		pl_host_turn(f->host);
	pl_server_stop(f->server);
	while (!a.done && pl_host_turn(f->host))
		;
	CHECK(a.done);
}

static void check_bind(void)
{
	struct pl_err err = {0};
	struct pl_server *s = pl_server_start("127.0.0.1", 0, serve, NULL, &err), *t;

	CHECK(s != NULL);
	t = pl_server_start("127.0.0.1", pl_server_port(s), serve, NULL, &err);
	CHECK(!t);
	CHECK_TEXT(err.code, "server.bind");
	pl_server_stop(s);
	CHECK(!pl_server_start("localhost", 0, serve, NULL, &err));
	CHECK_TEXT(err.code, "server.bind");
	CHECK(!pl_server_start("127.0.0.1", 70000, serve, NULL, &err));
	s = pl_server_start("::1", 0, serve, NULL, &err);
	if (s) /* not every machine has IPv6 */
		CHECK(pl_server_port(s) > 0);
	pl_server_stop(s);
	pl_server_stop(NULL);
	printf("ok bind\n");
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	struct fixture f = {0};
	struct pl_err err = {0};
	char command[300];

	unsetenv("http_proxy");
	unsetenv("all_proxy");
	snprintf(f.folder, sizeof f.folder, "%s/server-XXXXXX", tmp ? tmp : "/tmp");
	f.host = pl_host_new(".", &err);
	f.server = pl_server_start("127.0.0.1", 0, serve, &f, &err);
	if (!mkdtemp(f.folder) || !f.host || !f.server) {
		printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, err.msg);
		return 1;
	}
	check_answers(&f);
	check_cgi(&f);
	check_large(&f);
	check_git(&f);
	check_broken(&f);
	pl_server_stop(f.server);
	check_stop(&f, "/sleep");
	check_stop(&f, "/cgi-hang");
	printf("ok stop\n");
	check_bind();
	pl_host_free(f.host);
	pl_arena_fini(&f.arena);
	snprintf(command, sizeof command, "rm -rf '%s'", f.folder);
	CHECK_INT(system(command), 0);
	return check_end();
}
