#include "project_words.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char DIGITS[] = "0123456789";

/* Made of letters, digits and `more`. */
static bool made_of(const char *s, size_t n, const char *more)
{
	for (size_t i = 0; i < n; i++)
		if (!strchr(LETTERS, s[i]) && !strchr(DIGITS, s[i]) &&
		    !strchr(more, s[i]))
			return false;
	return n > 0;
}

static bool is_name(const char *s)
{
	return s[0] != '-' && s[0] != '.' && strlen(s) <= 64 &&
	    made_of(s, strlen(s), "-_.");
}

static bool is_variable(const char *s)
{
	return !strchr(DIGITS, s[0]) && made_of(s, strlen(s), "_");
}

/* ---- addresses --------------------------------------------------------- */

static const char *skip_scheme(const char *url, const char *const *schemes)
{
	for (; *schemes; schemes++)
		if (strncmp(url, *schemes, strlen(*schemes)) == 0)
			return url + strlen(*schemes);
	return NULL;
}

/* host, host:port, [v6]:port, from s up to the path. */
static bool is_host(const char *s, size_t n)
{
	size_t host = 0;
	if (n && s[0] == '[') {
		while (host < n && s[host] != ']')
			host++;
		if (host < 3 || host == n || !made_of(s + 1, host - 1, ":."))
			return false;
		host++;
	} else {
		while (host < n && s[host] != ':')
			host++;
		if (!made_of(s, host, "-._") || s[0] == '.' || s[0] == '-')
			return false;
	}
	if (host == n)
		return true;
	size_t digits = strspn(s + host + 1, DIGITS);
	long port = digits && digits < 6 ? strtol(s + host + 1, NULL, 10) : 0;
	return s[host] == ':' && host + 1 + digits == n && port > 0 && port < 65536;
}

static bool has_blanks(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return true;
	return false;
}

static bool check_address(const char *url, const char *const *schemes,
    const char *example, struct pl_buf *why)
{
	const char *host = skip_scheme(url, schemes);
	if (!host) {
		pl_buf_printf(why, "a URL such as %s", example);
		size_t n = strcspn(url, "/");
		if (is_host(url, n) && memchr(url, '.', n) && !has_blanks(url))
			pl_buf_printf(why, "; did you mean \"%s%s\"?", schemes[0], url);
		return false;
	}
	size_t n = strcspn(host, "/?#");
	if (memchr(host, '@', n)) {
		pl_buf_puts(why,
		    "a URL without a name or password in it: secrets belong "
		    "under credentials");
		return false;
	}
	if (is_host(host, n) && !has_blanks(host))
		return true;
	pl_buf_printf(why, "a URL such as %s", example);
	return false;
}

static bool check_url(const char *s, struct pl_buf *why)
{
	static const char *const schemes[] = {"https://", "http://", NULL};
	if (strpbrk(s, "?#")) {
		pl_buf_puts(why, "a URL without \"?\" and \"#\"");
		return false;
	}
	return check_address(s, schemes, "https://api.example.com", why);
}

static bool check_proxy(const char *s, struct pl_buf *why)
{
	static const char *const schemes[] = {"http://", "https://", "socks5://",
	    "socks5h://", "socks4://", "socks4a://", NULL};
	return check_address(s, schemes, "http://proxy.example.com:3128", why);
}

/* As git takes it: a URL, user@host:path, or a folder. A user may stand in it
 * (git@…), a password may not. */
static bool check_remote(const char *s, struct pl_buf *why)
{
	const char *scheme = strstr(s, "://");
	const char *from = scheme ? scheme + 3 : s;
	size_t n = strcspn(from, "/");
	const char *at = memchr(from, '@', n);
	if (scheme && at && memchr(from, ':', (size_t)(at - from))) {
		pl_buf_puts(why, "a URL without a password in it");
		return false;
	}
	if (s[0] != '-' && !has_blanks(s) && strpbrk(s, "/:"))
		return true;
	pl_buf_puts(why,
	    "a repository such as https://github.com/owner/name.git or "
	    "git@github.com:owner/name.git");
	return false;
}

/* ---- git ---------------------------------------------------------------- */

static bool is_branch(const char *s)
{
	size_t n = strlen(s);
	if (n == 0 || n > 240 || s[0] == '-' || s[0] == '/' || s[n - 1] == '.' ||
	    s[n - 1] == '/' || strcmp(s, "@") == 0 || strstr(s, "..") ||
	    strstr(s, "@{"))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || strchr("~^:?*[\\\x7f", s[i]))
			return false;
	for (const char *part = s; part; part = strchr(part, '/')) {
		part += *part == '/';
		size_t len = strcspn(part, "/");
		if (len == 0 || part[0] == '.' ||
		    (len >= 5 && strncmp(part + len - 5, ".lock", 5) == 0))
			return false;
	}
	return true;
}

static bool is_github(const char *s)
{
	const char *slash = strchr(s, '/');
	return slash && made_of(s, (size_t)(slash - s), "-_") && s[0] != '-' &&
	    made_of(slash + 1, strlen(slash + 1), "-_.") &&
	    strcmp(slash + 1, ".") != 0 && strcmp(slash + 1, "..") != 0;
}

static bool is_mail(const char *s)
{
	const char *at = strchr(s, '@');
	return at && at > s && at[1] && !strchr(at + 1, '@') && !has_blanks(s) &&
	    !strpbrk(s, "<>");
}

/* ---- paths -------------------------------------------------------------- */

static bool is_inside(const char *s)
{
	if (s[0] == '\0' || s[0] == '/' || s[0] == '~' || strchr(s, '\\'))
		return false;
	while (*s) {
		size_t n = strcspn(s, "/");
		if (n == 2 && strncmp(s, "..", 2) == 0)
			return false;
		s += n;
		s += strspn(s, "/");
	}
	return true;
}

static bool is_workflow(const char *s)
{
	size_t n = strlen(s);
	return made_of(s, n, "-_.") &&
	    ((n > 4 && strcmp(s + n - 4, ".yml") == 0) ||
	        (n > 5 && strcmp(s + n - 5, ".yaml") == 0));
}

/* ---- time zones --------------------------------------------------------- */

static const char *find_zones(void)
{
	static const char *const places[] = {"/usr/share/zoneinfo",
	    "/var/db/timezone/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo",
	    NULL};
	for (size_t i = 0; places[i]; i++) {
		DIR *dir = opendir(places[i]);
		if (dir) {
			closedir(dir);
			return places[i];
		}
	}
	return NULL;
}

static bool is_zone_file(const char *zones, const char *name)
{
	char path[400], magic[4] = {0};
	snprintf(path, sizeof(path), "%s/%s", zones, name);
	FILE *file = fopen(path, "rb");
	if (!file)
		return false;
	bool ok = fread(magic, 1, 4, file) == 4 && memcmp(magic, "TZif", 4) == 0;
	fclose(file);
	return ok;
}

/* Looks for what was meant in the same part of the world only. */
static void suggest_zone(const char *zones, const char *name, struct pl_buf *why)
{
	char path[400];
	const char *slash = strrchr(name, '/');
	size_t area = slash ? (size_t)(slash - name) : 0;
	snprintf(path, sizeof(path), "%s/%.*s", zones, (int)area, name);
	DIR *dir = opendir(path);
	if (!dir)
		return;
	struct pl_arena arena = {0};
	const char *names[600];
	size_t n = 0;
	for (struct dirent *d; n < PL_COUNT(names) && (d = readdir(dir));)
		if (d->d_name[0] != '.')
			names[n++] =
			    pl_arena_text(&arena, d->d_name, strlen(d->d_name));
	closedir(dir);
	const char *nearest = pl_nearest(slash ? slash + 1 : name, names, n);
	if (nearest)
		pl_buf_printf(why, "; did you mean \"%.*s%s%s\"?", (int)area, name,
		    slash ? "/" : "", nearest);
	pl_arena_fini(&arena);
}

static bool check_zone(const char *s, struct pl_buf *why)
{
	bool formed = strlen(s) < 100 && made_of(s, strlen(s), "/_+-") &&
	    is_inside(s) && s[0] != '-';
	const char *zones = find_zones();
	if (formed && (!zones || is_zone_file(zones, s)))
		return true;
	pl_buf_puts(why, "a time zone such as Europe/Oslo");
	if (formed)
		suggest_zone(zones, s, why);
	return false;
}

/* ---- all of them -------------------------------------------------------- */

static bool is_text(const char *s)
{
	return s[0] != '\0';
}

static bool is_route(const char *s)
{
	return s[0] == '/' && !has_blanks(s);
}

static const struct {
	bool (*fits)(const char *s);
	bool (*check)(const char *s, struct pl_buf *why);
	const char *expected;
} words[] = {
    [PL_W_TEXT] = {is_text, NULL, "text that is not empty"},
    [PL_W_NAME] = {is_name, NULL,
        "a name of letters, digits, \"-\", \"_\", \".\", 64 at most"},
    [PL_W_URL] = {NULL, check_url, NULL},
    [PL_W_PROXY] = {NULL, check_proxy, NULL},
    [PL_W_REMOTE] = {NULL, check_remote, NULL},
    [PL_W_BRANCH] = {is_branch, NULL, "a branch name that git accepts"},
    [PL_W_ZONE] = {NULL, check_zone, NULL},
    [PL_W_PATH] = {is_inside, NULL, "a path inside the repository, without \"..\""},
    [PL_W_FILE] = {is_text, NULL, "the path of a file"},
    [PL_W_ROUTE] = {is_route, NULL, "a path on the server such as /health"},
    [PL_W_GITHUB] = {is_github, NULL, "a repository on GitHub as owner/name"},
    [PL_W_MAIL] = {is_mail, NULL, "a mail address as git has it in user.email"},
    [PL_W_VARIABLE] = {is_variable, NULL,
        "the name of an environment variable: letters, digits, \"_\""},
    [PL_W_WORKFLOW] = {is_workflow, NULL,
        "the file name of a workflow such as deploy.yml"},
};

bool pl_word_check(enum pl_word kind, const char *text, struct pl_buf *why)
{
	if (words[kind].check)
		return words[kind].check(text, why);
	if (words[kind].fits(text))
		return true;
	pl_buf_puts(why, words[kind].expected);
	return false;
}
