/* The project file: text -> the checked value, or every problem with its place. */
#include "../../interp/base/base.h"
#include "../../interp/engine/project.h"
#include "../../interp/host/host.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void note(void *arg, const struct pl_err *err)
{
	struct pl_buf *b = arg;
	const char *code = strchr(err->code, '.');
	pl_buf_printf(b, "%s%s %u:%u %s", b->len ? "\n" : "",
	    code ? code + 1 : err->code, err->line, err->column, err->msg);
	CHECK_TEXT(err->file, "team.yaml");
}

/* The project, or NULL and all problems in *out, one a line. */
static struct pl_project *load(const char *text, struct pl_buf *out)
{
	struct pl_arena a = {0};
	struct pl_value *documents = NULL;
	struct pl_err err = {0};
	struct pl_project *p = NULL;
	pl_buf_puts(out, "");
	if (pl_yaml_parse(&documents, &a, text, strlen(text), 0, &err))
		p = pl_project_new(
		    documents->as.list.at[0], "team.yaml", note, out, &err);
	else
		pl_buf_printf(out, "%s", err.msg);
	pl_arena_fini(&a);
	CHECK((p == NULL) == (out->len > 0));
	return p;
}

#define HEAD "pipe: 1\nproject: p\n" /* two lines */
#define DOPPLER_NAME(column) \
	"value 3:" column \
	" credentials.a: expected \"project/config/NAME\", or NAME with " \
	"project and config beside it, the name as Doppler has it: capital letters, " \
	"digits, \"_\""

static const struct {
	const char *text, *want; /* problems; "" where it is right */
} cases[] = {
    {HEAD, ""},
    {"project: p", ""},
    {"", ""},
    {"pipe: 1\n", "missing 1:1 project: this is required"},
    {"project:\n", "missing 1:9 project: this is required"},
    {"project: ''", "value 1:10 project: got \"\", expected text that is not empty"},
    {"[1]",
        "type 1:1 got a list, expected keys and values, such as \"project: "
        "impulse\""},
    {"text",
        "type 1:1 got \"text\", expected keys and values, such as "
        "\"project: impulse\""},
    {"project: 12",
        "type 1:10 project: got a whole number, expected text: put it "
        "between quotes"},
    {"project: yes", ""},
    {"project: p\npipe: 2",
        "format 2:7 pipe: this is format 2, and this version of pipe reads "
        "format 1"},
    {"project: p\npipe: one", "type 2:7 pipe: got \"one\", expected a whole number"},
    /* unknown keys */
    {HEAD "enviroments: {}",
        "unknown 3:1 unknown key \"enviroments\", did you mean "
        "\"environments\"?"},
    {HEAD "environments:\n  staging:\n    brunch: main\n",
        "unknown 5:5 environments.staging: unknown key \"brunch\", did you "
        "mean \"branch\"?"},
    {HEAD "checks: {zzz: 1}",
        "unknown 3:10 checks: unknown key \"zzz\": expected one of gate"},
    {HEAD "\"x\\e[1m\": 1",
        "unknown 3:1 unknown key \"x\\x1b[1m\": expected one of pipe, "
        "project, time_zone, state, repository, environments, credentials, "
        "providers, http, checks, parts, database, policy, people, settings"},
    /* all problems, in the order of the file */
    {"people: [{}]\nhttp: {timeout: x}\nfoo: 1\ntime_zone: 5\n",
        "missing 1:1 project: this is required\nmissing 1:10 "
        "people.1.name: this is required\nvalue 2:17 http.timeout: got "
        "\"x\", expected a duration with its unit, such as 30s or "
        "10m\nunknown 3:1 unknown key \"foo\": expected one of pipe, "
        "project, time_zone, state, repository, environments, credentials, "
        "providers, http, checks, parts, database, policy, people, "
        "settings\ntype 4:12 time_zone: got a whole number, expected text: "
        "put it between quotes"},
    /* durations */
    {HEAD "policy: {poll: 5}",
        "type 3:16 policy.poll: got a whole number, expected a duration "
        "with its unit, such as 30s or 10m"},
    {HEAD "policy: {poll: 0s}",
        "value 3:16 policy.poll: got \"0s\", expected a duration longer "
        "than nothing"},
    {HEAD "policy: {soak: 0s}", ""},
    {HEAD "policy: {soak: 5 minutes}",
        "value 3:16 policy.soak: got \"5 minutes\", expected a duration "
        "with its unit, such as 30s or 10m"},
    {HEAD "policy: [poll]", "type 3:9 policy: got a list, expected keys and values"},
    {HEAD "policy:\n", ""},
    /* addresses */
    {HEAD "environments: {s: {url: api.example.com}}",
        "value 3:25 environments.s.url: got \"api.example.com\", expected "
        "a URL such as https://api.example.com; did you mean "
        "\"https://api.example.com\"?"},
    {HEAD "environments: {s: {url: 'ftp://x'}}",
        "value 3:25 environments.s.url: got \"ftp://x\", expected a URL "
        "such as https://api.example.com"},
    {HEAD "environments: {s: {url: 'https://'}}",
        "value 3:25 environments.s.url: got \"https://\", expected a URL "
        "such as https://api.example.com"},
    {HEAD "environments: {s: {url: 'https://x:99999'}}",
        "value 3:25 environments.s.url: got \"https://x:99999\", expected "
        "a URL such as https://api.example.com"},
    {HEAD "environments: {s: {url: 'https://x/a b'}}",
        "value 3:25 environments.s.url: got \"https://x/a b\", expected a "
        "URL such as https://api.example.com"},
    {HEAD "environments: {s: {url: 'https://x/?a'}}",
        "value 3:25 environments.s.url: got \"https://x/?a\", expected a "
        "URL without \"?\" and \"#\""},
    {HEAD "environments: {s: {url: 'http://127.0.0.1:8080/'}, t: {url: "
          "'https://[::1]:1/a'}}",
        ""},
    {HEAD "environments: {s: {health: health}}",
        "value 3:28 environments.s.health: got \"health\", expected a path "
        "on the server such as /health"},
    {HEAD "http: {proxy: 'http://me:hunter2@proxy:1'}",
        "value 3:15 http.proxy: expected a URL without a name or password "
        "in it: secrets belong under credentials"},
    {HEAD "http: {proxy: 'socks5h://proxy:1080', no_proxy: '*.local'}", ""},
    {HEAD "repository: {url: 'https://me:hunter2@github.com/a/b'}",
        "value 3:19 repository.url: expected a URL without a password in it"},
    {HEAD "repository: {url: 'git@github.com:a/b.git'}", ""},
    {HEAD "repository: {url: 'ssh://git@github.com/a/b.git'}", ""},
    {HEAD "repository: {url: ../other}", ""},
    {HEAD "repository: {url: --upload-pack=x/y}",
        "value 3:19 repository.url: expected a repository such as "
        "https://github.com/owner/name.git or git@github.com:owner/name.git"},
    {HEAD "repository: {github: impulse}",
        "value 3:22 repository.github: got \"impulse\", expected a "
        "repository on GitHub as owner/name"},
    /* branches, as git check-ref-format has them */
    {HEAD "environments: {a: {branch: feature/x-1}, b: {branch: v1.2}}", ""},
    {HEAD "environments: {s: {branch: 1.10}}",
        "type 3:28 environments.s.branch: got a number, expected "
        "text: put it between quotes"},
    {HEAD "repository: {main: 'a b'}",
        "value 3:20 repository.main: got \"a b\", expected a branch name "
        "that git accepts"},
    {HEAD "repository: {main: 'a..b'}",
        "value 3:20 repository.main: got \"a..b\", expected a branch name "
        "that git accepts"},
    {HEAD "repository: {main: '-x'}",
        "value 3:20 repository.main: got \"-x\", expected a branch name "
        "that git accepts"},
    {HEAD "repository: {main: 'a//b'}",
        "value 3:20 repository.main: got \"a//b\", expected a branch name "
        "that git accepts"},
    {HEAD "repository: {main: '/a'}",
        "value 3:20 repository.main: got \"/a\", expected a branch name "
        "that git accepts"},
    {HEAD "repository: {main: 'a/'}",
        "value 3:20 repository.main: got \"a/\", expected a branch name "
        "that git accepts"},
    {HEAD "repository: {main: 'x/a.lock'}",
        "value 3:20 repository.main: got \"x/a.lock\", expected a branch "
        "name that git accepts"},
    {HEAD "repository: {main: 'x/.a'}",
        "value 3:20 repository.main: got \"x/.a\", expected a branch name "
        "that git accepts"},
    {HEAD "repository: {main: 'a@{1}'}",
        "value 3:20 repository.main: got \"a@{1}\", expected a branch name "
        "that git accepts"},
    {HEAD "repository: {main: '@'}",
        "value 3:20 repository.main: got \"@\", expected a branch name "
        "that git accepts"},
    {HEAD "repository: {main: 'a:b'}",
        "value 3:20 repository.main: got \"a:b\", expected a branch name "
        "that git accepts"},
    {HEAD "repository: {main: \"a\\0b\"}",
        "value 3:20 repository.main: got \"a\\x00b\", expected text "
        "without NUL bytes"},
    /* flags */
    {HEAD "environments: {s: {protected: yes}}",
        "type 3:31 environments.s.protected: got \"yes\", expected true or "
        "false"},
    {HEAD "environments: {s: {protected: true}}", ""},
    /* environments */
    {HEAD "environments:\n  staging:\n", ""},
    {HEAD "environments: {s: text}",
        "type 3:19 environments.s: got \"text\", expected keys and values"},
    {HEAD "environments: {'a b': {}}",
        "value 3:16 environments.a b: expected a name of letters, digits, "
        "\"-\", \"_\", \".\", 64 at most"},
    {HEAD "environments: {'': {}}",
        "value 3:16 environments.: expected a name of letters, digits, "
        "\"-\", \"_\", \".\", 64 at most"},
    {HEAD "environments: {s: {supabase: {}}}",
        "missing 3:30 environments.s.supabase.ref: this is required"},
    {HEAD "environments: {s: {supabase: {reff: x}}}",
        "missing 3:30 environments.s.supabase.ref: this is "
        "required\nunknown 3:31 environments.s.supabase: unknown key "
        "\"reff\", did you mean \"ref\"?"},
    {HEAD "environments: {s: {credentials: {railway: rail}}}\ncredentials: {railway: "
          "{env: A}}",
        "reference 3:43 environments.s.credentials.railway: \"rail\" is "
        "not defined under credentials; there are: railway"},
    {HEAD "environments: {s: {credentials: {railway: railwy}}}\ncredentials: {railway: "
          "{env: A}}",
        "reference 3:43 environments.s.credentials.railway: \"railwy\" is "
        "not defined under credentials; did you mean \"railway\"?"},
    {HEAD "environments: {s: {credentials: {a: a}}}",
        "reference 3:37 environments.s.credentials.a: \"a\" is not defined "
        "under credentials"},
    {HEAD "providers: {github: {credential: gh}}",
        "reference 3:34 providers.github.credential: \"gh\" is not defined "
        "under credentials"},
    /* credentials: nothing of a value is repeated */
    {HEAD "credentials: {a: {env: A_1}, b: {file: ~/.token}, c: {command: [op, read]}}",
        ""},
    {HEAD "credentials: {a: ghp_secret}",
        "type 3:18 credentials.a: expected where it is found, {env: NAME}, "
        "{file: path}, {command: [...]} or {doppler: project/config/NAME}; the "
        "secret itself never stands here"},
    {HEAD "credentials: {a: }",
        "missing 3:18 credentials.a: expected exactly one of env, file, "
        "command and doppler, got 0"},
    {HEAD "credentials: {a: {hint: x}}",
        "missing 3:18 credentials.a: expected exactly one of env, file, "
        "command and doppler, got 0"},
    {HEAD "credentials: {a: {env: A, file: b}}",
        "value 3:18 credentials.a: expected exactly one of env, file, "
        "command and doppler, got 2"},
    {HEAD "credentials: {a: {env: ghp-secret}}",
        "value 3:24 credentials.a.env: expected the name of an environment "
        "variable: letters, digits, \"_\""},
    {HEAD "credentials: {a: {env: 1A}}",
        "value 3:24 credentials.a.env: expected the name of an environment "
        "variable: letters, digits, \"_\""},
    {HEAD "credentials: {a: {command: op read}}",
        "type 3:28 credentials.a.command: expected a list: the program and "
        "its arguments, [\"op\", \"read\", \"…\"]"},
    {HEAD "credentials: {a: {command: []}}",
        "value 3:28 credentials.a.command: the list is empty"},
    {HEAD "credentials: {a: {command: [op, 1]}}",
        "type 3:33 credentials.a.command.2: got a whole number, expected "
        "text: put it between quotes"},
    {HEAD "credentials: {a: {value: ghp_secret}}",
        "missing 3:18 credentials.a: expected exactly one of env, file, "
        "command and doppler, got 0\nunknown 3:19 credentials.a: unknown key "
        "\"value\": expected one of env, file, command, doppler, project, config, "
        "hint"},
    {HEAD "credentials: {doppler: {env: D}, a: {doppler: api/prd/KEY_1}, "
          "b: {doppler: _K, project: api, config: prd_eu}}",
        ""},
    {HEAD "credentials: {a: {doppler: api/prd/KEY}}",
        "reference 3:28 credentials.a: Doppler is asked with the credential \"doppler\", "
        "which is not defined under credentials"},
    {HEAD "credentials: {doppler: {doppler: api/prd/KEY}}",
        "value 3:34 credentials.doppler: Doppler is asked with this credential, so that it "
        "cannot come from there itself"},
    {HEAD "credentials: {doppler: {env: D}, a: {doppler: KEY}}", DOPPLER_NAME("47")},
    {HEAD "credentials: {doppler: {env: D}, a: {doppler: KEY, project: api}}",
        DOPPLER_NAME("47")},
    {HEAD "credentials: {doppler: {env: D}, a: {doppler: api/prd/KEY, config: prd}}",
        DOPPLER_NAME("47")},
    {HEAD "credentials: {doppler: {env: D}, a: {doppler: api//KEY}}",
        DOPPLER_NAME("47")},
    {HEAD "credentials: {doppler: {env: D}, a: {doppler: api/prd/dp.st.secret}}",
        DOPPLER_NAME("47")},
    {HEAD "credentials: {a: {env: A, project: api}}",
        "value 3:18 credentials.a: project and config belong to a credential from Doppler: "
        "doppler is missing"},
    /* the rest */
    {HEAD "parts: {job: {paths: [a/, b]}, x: {paths: [../c]}}",
        "value 3:44 parts.x.paths.1: got \"../c\", expected a path inside "
        "the repository, without \"..\""},
    {HEAD "parts: {job: {paths: [/a]}}",
        "value 3:23 parts.job.paths.1: got \"/a\", expected a path inside "
        "the repository, without \"..\""},
    {HEAD "parts: {job: {usual: 2m}}",
        "missing 3:14 parts.job.paths: this is required"},
    {HEAD "parts: {job: {paths: a}}",
        "type 3:22 parts.job.paths: got \"a\", expected a list"},
    {HEAD "parts: {job: {paths: []}}", "value 3:22 parts.job.paths: the list is empty"},
    {HEAD "database: {workflow: deploy}",
        "value 3:22 database.workflow: got \"deploy\", expected the file "
        "name of a workflow such as deploy.yml"},
    {HEAD "database: {workflow: deploy.yaml, by_hand: a.yml}", ""},
    {HEAD "people: [{name: A, git: a}]",
        "value 3:25 people.1.git: got \"a\", expected a mail address as "
        "git has it in user.email"},
    {HEAD "people: [{name: A, git: a@b.no, roles: [release]}]", ""},
    {HEAD "people: {name: A}", "type 3:9 people: got a map, expected a list"},
    {HEAD "http: {max_bytes: 0}",
        "value 3:19 http.max_bytes: expected a number above 0, got 0"},
    {HEAD "settings: {any: [1, {x: ~}]}", ""},
    {HEAD "settings: 1",
        "type 3:11 settings: got a whole number, expected names with their "
        "values"},
};

static void test_cases(void)
{
	for (size_t i = 0; i < PL_COUNT(cases); i++) {
		struct pl_buf got = {0};
		pl_project_free(load(cases[i].text, &got));
		CHECK_TEXT(got.at, cases[i].want);
		CHECK(!strstr(got.at, "secret,") && !strstr(got.at, "hunter2") &&
		    !strstr(got.at, "ghp"));
		pl_buf_fini(&got);
	}
}

static void test_zones(void)
{
	static const char *const good[] = {
	    "Europe/Oslo", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+1"};
	static const char *const bad[] = {"CEST1", "Europe", "../../etc/passwd",
	    "/etc/passwd", "Europe/Nowhere", "zone.tab", "Europe//Oslo/", "+02:00", ""};
	struct pl_buf text = {0}, got = {0};
	for (size_t i = 0; i < PL_COUNT(good); i++) {
		pl_buf_reset(&text);
		pl_buf_reset(&got);
		pl_buf_printf(&text, "project: p\ntime_zone: '%s'", good[i]);
		struct pl_project *p = load(text.at, &got);
		CHECK_TEXT(got.at, "");
		if (p)
			CHECK_TEXT(
			    pl_get_text(pl_project_value(p), "time_zone", ""), good[i]);
		pl_project_free(p);
	}
	for (size_t i = 0; i < PL_COUNT(bad); i++) {
		pl_buf_reset(&text);
		pl_buf_reset(&got);
		pl_buf_printf(&text, "project: p\ntime_zone: '%s'", bad[i]);
		pl_project_free(load(text.at, &got));
		CHECK(strstr(got.at, "expected a time zone such as") != NULL);
	}
	pl_buf_reset(&got);
	pl_project_free(load("project: p\ntime_zone: Europe/Olso", &got));
	CHECK(strstr(got.at, "did you mean \"Europe/Oslo\"?") != NULL);
	pl_buf_fini(&text);
	pl_buf_fini(&got);
}

/* All that is filled in where the file says nothing. */
static const char DEFAULTS[] =
    "{\"checks\":{},\"credentials\":{},\"database\":{},\"environments\":{},\"http\":{},"
    "\"parts\":{},\"people\":[],\"pipe\":1,\"policy\":{\"check_timeout\":1200000,"
    "\"deploy_timeout\":1200000,\"health_timeout\":300000,\"poll\":5000,\"soak\":300000},"
    "\"providers\":{},\"repository\":{\"main\":\"main\",\"remote\":\"origin\"},"
    "\"settings\":{},\"state\":\".pipe\",\"time_zone\":\"UTC\"}";

static void test_defaults(void)
{
	struct pl_err err = {0};
	struct pl_buf b = {0};
	struct pl_project *p = pl_project_new(NULL, "pipe.yaml", NULL, NULL, &err);
	CHECK(p != NULL);
	CHECK(pl_json_canonical(&b, pl_project_value(p), &err));
	CHECK_TEXT(b.at, DEFAULTS);
	CHECK(!pl_project_environment(p, "staging", &err));
	CHECK_TEXT(err.code, "project.environment");
	CHECK_TEXT(err.msg, "no environment \"staging\": there is no pipe.yaml");
	CHECK(!pl_project_credential(p, NULL, "github", &err));
	CHECK_TEXT(err.code, "secret.missing");
	pl_project_free(p);
	pl_project_free(NULL);
	pl_buf_fini(&b);
}

static void test_accessors(void)
{
	struct pl_buf got = {0};
	struct pl_err err = {0};
	struct pl_project *p =
	    load("project: p\n"
	         "credentials:\n"
	         "  railway: {env: A}\n"
	         "  other:\n"
	         "    command: [op, read]\n"
	         "environments:\n"
	         "  staging: {url: 'https://x.no/a//', branch: main}\n"
	         "  production:\n"
	         "    credentials: {railway: other}\n"
	         "policy: {poll: 1m}\n",
	        &got);
	CHECK_TEXT(got.at, "");
	const struct pl_value *e = pl_project_environment(p, "staging", &err);
	CHECK_TEXT(pl_get_text(e, "url", ""), "https://x.no/a");
	CHECK_TEXT(pl_get_text(e, "name", ""), "staging");
	CHECK_TEXT(pl_get_text(e, "health", ""), "/health");
	CHECK(pl_get(e, "protected") && !pl_get_bool(e, "protected", true));
	CHECK_INT(e->line, 7);
	CHECK_INT(pl_get_int(pl_get(pl_project_value(p), "policy"), "poll", 0), 60000);
	const struct pl_value *c = pl_project_credential(p, "staging", "railway", &err);
	CHECK_TEXT(pl_get_text(c, "env", ""), "A");
	c = pl_project_credential(p, "production", "railway", &err);
	CHECK_TEXT(pl_text_of(pl_at(c, "command.1"), ""), "read");
	CHECK_INT(c->line, 5);
	c = pl_project_credential(p, NULL, "railway", &err);
	CHECK_INT(c->line, 3);
	CHECK(!pl_project_credential(p, NULL, "railwey", &err));
	CHECK_TEXT(err.msg,
	    "no credential \"railwey\" in team.yaml; did you mean \"railway\"?");
	CHECK(!pl_project_environment(p, "producton", &err));
	CHECK_TEXT(err.msg,
	    "no environment \"producton\" in team.yaml; did you mean \"production\"?");
	CHECK(!pl_project_environment(p, "qa", &err));
	CHECK_TEXT(err.msg,
	    "no environment \"qa\" in team.yaml; there are: staging, production");
	CHECK_TEXT(pl_project_file(p), "team.yaml");
	pl_project_free(p);
	pl_buf_fini(&got);
}

static void count(void *arg, const struct pl_err *err)
{
	(void)err;
	++*(int *)arg;
}

static void test_many(void)
{
	struct pl_buf b = {0};
	struct pl_arena a = {0};
	struct pl_value *documents = NULL;
	struct pl_err err = {0};
	int n = 0;
	for (int i = 0; i < 500; i++)
		pl_buf_printf(&b, "x%d: 1\n", i);
	CHECK(pl_yaml_parse(&documents, &a, b.at, b.len, 0, &err));
	CHECK(!pl_project_new(documents->as.list.at[0], "f", count, &n, &err));
	CHECK_INT(n, 100);
	CHECK_INT(err.line, 1);
	pl_arena_fini(&a);
	pl_buf_fini(&b);
}

/* The file that is shipped is right, and says what the handbook says. */
static void test_shipped(void)
{
	struct pl_buf b = {0}, got = {0};
	struct pl_err err = {0};
	const char *root = getenv("PIPE_ROOT");
	char path[1024];
	snprintf(path, sizeof path, "%s/pipe.yaml", root ? root : ".");
	CHECK(pl_file_read(&b, path, 0, &err));
	struct pl_project *p = load(b.at ? b.at : "", &got);
	CHECK_TEXT(got.at, "");
	const struct pl_value *v = p ? pl_project_value(p) : NULL;
	CHECK_TEXT(pl_text_of(pl_at(v, "environments.staging.url"), ""),
	    "https://api-stg.impulseai.app");
	CHECK_TEXT(
	    pl_text_of(pl_at(v, "environments.production.branch"), ""), "production");
	CHECK(pl_get_bool(pl_at(v, "environments.production"), "protected", false));
	CHECK_TEXT(pl_text_of(pl_at(v, "checks.gate"), ""), "ci-gate");
	CHECK_INT(pl_get_int(pl_at(v, "parts.ios-preflight"), "usual", 0), 300000);
	CHECK_TEXT(
	    pl_text_of(pl_at(v, "parts.api-check.paths.1"), ""), "packages/shared/");
	pl_project_free(p);
	pl_buf_fini(&b);
	pl_buf_fini(&got);
}

int main(void)
{
	CHECK_CASE("project: cases");
	test_cases();
	CHECK_CASE("project: zones");
	test_zones();
	CHECK_CASE("project: defaults");
	test_defaults();
	CHECK_CASE("project: accessors");
	test_accessors();
	CHECK_CASE("project: many");
	test_many();
	CHECK_CASE("project: shipped");
	test_shipped();
	return check_end();
}
