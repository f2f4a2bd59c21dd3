/* What the tests of http share: the odd server, and one call at a time. */
#ifndef HTTP_FIXTURE_H
#define HTTP_FIXTURE_H

#include "../../interp/host/host.h"
#include "../../interp/host/http.h"
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOKEN "s3cr3t-TOKEN-value-0123456789"
#define NOW INT64_C(1790000000000)

/* ---- the odd server ------------------------------------------------------- */

static const char *const tls_files[] = {"ca.pem", "ca.key", "ca.srl", "other.pem",
    "other.key", "names", "server.key", "server.csr", "server.pem"};

struct odd {
	pid_t pid;
	int input;
	unsigned port, other, tls;
	char folder[200];
};

static struct odd start_odd(void)
{
	const char *root = getenv("PIPE_ROOT"), *tmp = getenv("TMPDIR");
	struct odd o = {0};
	char script[300], line[100] = "";
	int in[2], out[2];
	FILE *f;

	snprintf(
	    script, sizeof script, "%s/tests/tools/odd_server.py", root ? root : ".");
	snprintf(o.folder, sizeof o.folder, "%s/odd-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(o.folder) || pipe(in) || pipe(out))
		exit(1);
	o.pid = fork();
	if (o.pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execlp("python3", "python3", script, "--tls", o.folder, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	o.input = in[1];
	f = fdopen(out[0], "r");
	if (!f || !fgets(line, sizeof line, f) ||
	    sscanf(line, "%u %u %u", &o.port, &o.other, &o.tls) != 3) {
		printf(
		    "FAIL %s:%d: the odd server does not start\n", __FILE__, __LINE__);
		exit(1);
	}
	fclose(f);
	return o;
}

static void stop_odd(struct odd *o)
{
	char path[300];

	close(o->input);
	waitpid(o->pid, NULL, 0);
	for (size_t i = 0; i < PL_COUNT(tls_files); i++) {
		snprintf(path, sizeof path, "%s/%s", o->folder, tls_files[i]);
		unlink(path);
	}
	rmdir(o->folder);
}

/* ---- one call ------------------------------------------------------------- */

struct fixture {
	struct odd odd;
	struct pl_host *host;
	struct pl_arena arena;
};

struct asked {
	struct pl_call call;
	bool done;
};

static void finished(struct pl_call *call)
{
	struct asked *a = call->owner;

	CHECK(!a->done);
	a->done = true;
}

static const struct pl_row *row_of(const char *name)
{
	for (const struct pl_row *r = pl_http_rows; r->name; r++)
		if (strcmp(r->name, name) == 0)
			return r;
	return NULL;
}

/* Text "secret:NAME" stands for the secret NAME, whose bytes are TOKEN. */
static struct pl_value *with_secrets(struct fixture *f, struct pl_value *v)
{
	if (v->kind == PL_TEXT && strncmp(v->as.text.at, "secret:", 7) == 0)
		return pl_secret_value(&f->arena,
		    pl_secret_add(f->host, v->as.text.at + 7, TOKEN, sizeof TOKEN - 1));
	for (uint32_t i = 0; v->kind == PL_LIST && i < v->as.list.len; i++)
		v->as.list.at[i] = with_secrets(f, v->as.list.at[i]);
	for (uint32_t i = 0; v->kind == PL_MAP && i < v->as.map.len; i++)
		v->as.map.at[i].value = with_secrets(f, v->as.map.at[i].value);
	return v;
}

/* $P, $Q, $S in the JSON are the addresses of the three ports; $C the CA's file. */
static struct pl_value *args_of(struct fixture *f, const char *json)
{
	struct pl_buf text = {0};
	struct pl_value *args = NULL;
	struct pl_err err = {0};

	for (; *json; json++) {
		if (*json != '$') {
			pl_buf_putc(&text, *json);
			continue;
		}
		switch (*++json) {
		case 'P':
			pl_buf_printf(&text, "http://127.0.0.1:%u", f->odd.port);
			break;
		case 'Q':
			pl_buf_printf(&text, "http://127.0.0.1:%u", f->odd.other);
			break;
		case 'S':
			pl_buf_printf(&text, "https://localhost:%u", f->odd.tls);
			break;
		case 'D':
			pl_buf_puts(&text, f->odd.folder);
			break;
		}
	}
	if (!pl_json_parse(&args, &f->arena, text.at, text.len, &err)) {
		printf("FAIL %s:%d: %s\n%s\n", __FILE__, __LINE__, err.msg, text.at);
		exit(1);
	}
	pl_buf_fini(&text);
	return with_secrets(f, args);
}

static void begin(struct fixture *f, struct asked *a, const char *row, const char *json)
{
	memset(a, 0, sizeof *a);
	a->call.host = f->host;
	a->call.row = row_of(row);
	a->call.arena = &f->arena;
	a->call.args = args_of(f, json);
	a->call.class = a->call.row->class;
	a->call.finished = finished;
	a->call.owner = a;
	a->call.row->start(&a->call);
}

static void settle(struct fixture *f, struct asked *a)
{
	while (!a->done && pl_host_turn(f->host))
		;
	CHECK(a->done);
}

static struct asked ask(struct fixture *f, const char *row, const char *json)
{
	static struct asked a; /* outlives the call: the row may hold its address */

	begin(f, &a, row, json);
	settle(f, &a);
	if (a.done && a.call.failed && getenv("SHOW"))
		printf("    %s %s -> %s: %s%s\n", row, json, a.call.err.code,
		    a.call.err.msg, a.call.err.unknown ? " [unknown]" : "");
	return a;
}

static const char *body_of(const struct asked *a)
{
	return pl_get_text(a->call.result, "body", NULL);
}

static void open_host(struct fixture *f, bool is_virtual)
{
	struct pl_err err = {0};

	f->host = pl_host_new(".", &err);
	if (!f->host)
		exit(1);
	if (is_virtual)
		pl_host_set_virtual(f->host, NOW);
}

static void close_host(struct fixture *f)
{
	pl_host_free(f->host);
	pl_arena_fini(&f->arena);
}

/* The environment's proxies are not for loopback. */
static void begin_tests(struct fixture *f)
{
	static const char *const proxies[] = {"http_proxy", "https_proxy",
	    "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"};

	for (size_t i = 0; i < PL_COUNT(proxies); i++)
		unsetenv(proxies[i]);
	f->odd = start_odd();
}

static int end_tests(struct fixture *f)
{
	stop_odd(&f->odd);
	return check_end();
}

#endif
