#include "files.h"
#include "host_inner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_ENTRIES = 100000 };

/* ---- the overlay ---------------------------------------------------------- */

/* The state of a path: {text} of a predicted file, or false where it is gone. */
const char *pl_files_resource(struct pl_call *call, const struct pl_place *p)
{
	return pl_arena_printf(call->arena, "fs:%s", p->path);
}

static struct pl_value *predicted(struct pl_call *call, const struct pl_place *p)
{
	return pl_overlay_get(call, pl_files_resource(call, p));
}

static bool is_gone(const struct pl_value *state)
{
	return state && state->kind == PL_BOOL;
}

/* Adds the entry of a directory that the overlay's path stands for. */
static void overlay_entry(struct pl_call *call, struct pl_value *entries,
    const char *path, const struct pl_value *state, const char *directory)
{
	struct pl_arena *a = call->arena;
	size_t n = strcmp(directory, ".") == 0 ? 0 : strlen(directory);
	struct pl_value *entry = pl_map(a);
	const char *name, *slash;

	if (n && (strncmp(path, directory, n) != 0 || path[n] != '/'))
		return;
	name = path + n + (n ? 1 : 0);
	slash = strchr(name, '/');
	if (is_gone(state)) {
		if (!slash && pl_get(entries, name))
			pl_map_set(a, entries, name, pl_null(a));
		return;
	}
	if (slash) {
		name = pl_arena_text(a, name, (size_t)(slash - name));
		if (!pl_is_null(pl_get(entries, name)))
			return;
	}
	pl_map_set(a, entry, "name", pl_text(a, name));
	pl_map_set(a, entry, "kind", pl_text(a, slash ? "directory" : "file"));
	if (!slash)
		pl_map_set(a, entry, "bytes",
		    pl_int(a, (int64_t)pl_get(state, "text")->as.text.len));
	pl_map_set(a, entries, name, entry);
}

/* Whether predicted files stand below the path: then it is a directory. */
static bool overlay_entries(
    struct pl_call *call, struct pl_value *entries, const char *directory)
{
	uint32_t before = entries->as.map.len;

	if (!call->overlay)
		return false;
	uv_mutex_lock(&call->host->guard);
	for (uint32_t i = 0; i < call->overlay->as.map.len; i++) {
		const struct pl_pair *p = &call->overlay->as.map.at[i];

		if (strncmp(p->key, "fs:", 3) == 0)
			overlay_entry(call, entries, p->key + 3, p->value, directory);
	}
	uv_mutex_unlock(&call->host->guard);
	return entries->as.map.len > before;
}

/* ---- reading -------------------------------------------------------------- */

bool pl_files_fail_missing(struct pl_call *call, const struct pl_place *p)
{
	return pl_fail(&call->err, "fs.missing", "there is no file \"%s\"", p->path);
}

bool pl_files_fail_errno(
    struct pl_call *call, const char *code, const struct pl_place *p)
{
	return pl_fail(&call->err, code, "\"%s\": %s", p->path, strerror(errno));
}

/* An open regular file, or -1. A pipe must not hold us up, a link that just
 * now took the file's place must not lead us away. */
static int open_file(struct pl_call *call, const struct pl_place *p, struct stat *st)
{
	int fd = -1;

	errno = ENOENT;
	if (p->directory >= 0 && *p->name)
		fd = openat(p->directory, p->name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && !*p->name) {
		pl_fail(&call->err, "fs.kind", "the project's root is a directory");
	} else if (fd < 0 && errno == ENOENT) {
		pl_files_fail_missing(call, p);
	} else if (fd < 0) {
		pl_files_fail_errno(call, "fs.read", p);
	} else if (fstat(fd, st) || !S_ISREG(st->st_mode)) {
		pl_fail(&call->err, "fs.kind", "\"%s\" is %s", p->path,
		    S_ISDIR(st->st_mode) ? "a directory" : "not a regular file");
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool read_open(
    struct pl_call *call, const struct pl_place *p, int fd, struct pl_buf *out)
{
	char *chunk = pl_alloc(64 << 10);
	ssize_t n = 1;

	pl_buf_add(out, "", 0);
	while (n && out->len <= PL_FILE_LARGEST) {
		n = read(fd, chunk, 64 << 10);
		if (n < 0 && errno != EINTR)
			break;
		if (n > 0)
			pl_buf_add(out, chunk, (size_t)n);
	}
	free(chunk);
	if (n < 0)
		return pl_files_fail_errno(call, "fs.read", p);
	if (out->len > PL_FILE_LARGEST)
		return pl_fail(&call->err, "fs.large",
		    "\"%s\" is larger than 16 MiB: read it with a program", p->path);
	return true;
}

/* Its text as a dry-run sees it. NULL: call->err is filled. */
struct pl_value *pl_files_content(struct pl_call *call, const struct pl_place *p)
{
	struct pl_value *state = predicted(call, p), *text = NULL;
	struct pl_buf out = {0};
	struct stat st;
	int fd;

	if (is_gone(state)) {
		pl_files_fail_missing(call, p);
		return NULL;
	}
	if (state)
		return pl_get(state, "text");
	fd = open_file(call, p, &st);
	if (fd < 0)
		return NULL;
	if (st.st_size > PL_FILE_LARGEST)
		pl_fail(&call->err, "fs.large",
		    "\"%s\" is larger than 16 MiB: read it with a program", p->path);
	else if (read_open(call, p, fd, &out))
		text = pl_textn(call->arena, out.at ? out.at : "", out.len);
	pl_buf_fini(&out);
	close(fd);
	return text;
}

bool pl_files_place(struct pl_place *p, struct pl_call *call, bool follow)
{
	const struct pl_value *path = pl_arg(call, "path");

	call->err = (struct pl_err){0};
	*p = (struct pl_place){.directory = -1, .base = -1};
	if (!path || path->kind != PL_TEXT)
		return pl_fail(&call->err, "fs.path", "path must be text");
	if (memchr(path->as.text.at, 0, path->as.text.len))
		return pl_fail(&call->err, "fs.path", "the path \"%s…\" contains a NUL",
		    path->as.text.at);
	return pl_place_find(p, call, path->as.text.at, follow);
}

void pl_files_answer(struct pl_call *call, struct pl_place *p, struct pl_value *result)
{
	pl_place_fini(p);
	if (result)
		pl_call_ok(call, result);
	else
		pl_call_fail(call);
}

static void fs_read(struct pl_call *call)
{
	struct pl_place p;

	pl_files_answer(call, &p,
	    pl_files_place(&p, call, true) ? pl_files_content(call, &p) : NULL);
}

bool pl_files_exists(struct pl_call *call, const struct pl_place *p, bool *directory)
{
	struct pl_value *state = predicted(call, p), *below = pl_map(call->arena);
	struct stat st;

	*directory = false;
	if (overlay_entries(call, below, p->path))
		return *directory = true;
	if (state)
		return !is_gone(state);
	if (!*p->name)
		return *directory = true;
	if (p->directory < 0 ||
	    fstatat(p->directory, p->name, &st, AT_SYMLINK_NOFOLLOW))
		return false;
	*directory = S_ISDIR(st.st_mode);
	return true;
}

static void fs_exists(struct pl_call *call)
{
	struct pl_value *found = NULL;
	struct pl_place p;
	bool directory;

	if (pl_files_place(&p, call, true))
		found = pl_bool(call->arena, pl_files_exists(call, &p, &directory));
	pl_files_answer(call, &p, found);
}

/* ---- listing -------------------------------------------------------------- */

static const char *kind_of(const struct stat *st)
{
	if (S_ISREG(st->st_mode))
		return "file";
	if (S_ISDIR(st->st_mode))
		return "directory";
	return S_ISLNK(st->st_mode) ? "link" : "other";
}

static bool read_entries(
    struct pl_call *call, const struct pl_place *p, int fd, struct pl_value *entries)
{
	struct pl_arena *a = call->arena;
	DIR *d = fdopendir(fd);
	struct dirent *e;

	if (!d) {
		close(fd);
		return pl_files_fail_errno(call, "fs.read", p);
	}
	while ((e = readdir(d)) && entries->as.map.len < MOST_ENTRIES) {
		struct pl_value *entry = pl_map(a);
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		pl_map_set(a, entry, "name", pl_text(a, e->d_name));
		pl_map_set(a, entry, "kind", pl_text(a, kind_of(&st)));
		if (S_ISREG(st.st_mode))
			pl_map_set(a, entry, "bytes", pl_int(a, st.st_size));
		pl_map_set(a, entries, e->d_name, entry);
	}
	closedir(d);
	if (entries->as.map.len < MOST_ENTRIES)
		return true;
	return pl_fail(&call->err, "fs.large", "\"%s\" has more than %d entries",
	    p->path, MOST_ENTRIES);
}

static int by_name(const void *a, const void *b)
{
	const struct pl_pair *x = a, *y = b;

	return strcmp(x->key, y->key);
}

/* The disk's order means nothing, and would differ from run to run. */
static struct pl_value *sorted(struct pl_call *call, struct pl_value *entries)
{
	struct pl_value *list = pl_list(call->arena);

	if (entries->as.map.len)
		qsort(entries->as.map.at, entries->as.map.len, sizeof(struct pl_pair),
		    by_name);
	for (uint32_t i = 0; i < entries->as.map.len; i++)
		if (!pl_is_null(entries->as.map.at[i].value))
			pl_list_add(call->arena, list, entries->as.map.at[i].value);
	return list;
}

static struct pl_value *list(struct pl_call *call, const struct pl_place *p)
{
	struct pl_value *entries = pl_map(call->arena);
	int fd = -1, failed = ENOENT;

	if (p->directory >= 0) {
		fd = openat(p->directory, *p->name ? p->name : ".",
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		failed = fd < 0 ? errno : 0;
	}
	if (fd >= 0 && !read_entries(call, p, fd, entries))
		return NULL;
	if (overlay_entries(call, entries, p->path) || fd >= 0)
		return sorted(call, entries);
	errno = failed;
	if (failed == ENOENT)
		pl_fail(
		    &call->err, "fs.missing", "there is no directory \"%s\"", p->path);
	else
		pl_files_fail_errno(call, failed == ENOTDIR ? "fs.kind" : "fs.read", p);
	return NULL;
}

static void fs_list(struct pl_call *call)
{
	struct pl_place p;

	pl_files_answer(
	    call, &p, pl_files_place(&p, call, true) ? list(call, &p) : NULL);
}

/* ---- rows ----------------------------------------------------------------- */

static const char *target(struct pl_call *call)
{
	const char *path = pl_arg_text(call, "path");
	struct pl_err kept = call->err;
	struct pl_place p;

	if (pl_files_place(&p, call, call->row && call->row->start != pl_fs_remove))
		path = p.path;
	pl_place_fini(&p);
	call->err = kept;
	return path ? path : "";
}

#define PATH_HELP "the path from the project's root; nothing outside can be reached"

static const struct pl_option path_options[] = {
    {"path", PL_T_TEXT, true, NULL, PATH_HELP, NULL},
    {0},
};

static const struct pl_option list_options[] = {
    {"path", PL_T_TEXT, false, "\".\"", PATH_HELP, NULL},
    {0},
};

static const struct pl_option write_options[] = {
    {"path", PL_T_TEXT, true, NULL, PATH_HELP, NULL},
    {"content", PL_T_TEXT | PL_T_SECRET, true, NULL, "the whole file, at most 16 MiB",
        NULL},
    {"executable", PL_T_FLAG, false, "false", "may be run as a program", NULL},
    {"private", PL_T_FLAG, false, "false",
        "for its owner only (a secret always is); an existing file keeps its mode",
        NULL},
    {0},
};

const struct pl_row pl_files_rows[] = {
    {
        .name = "fs.read",
        .class = PL_READ,
        .summary = "The content of a file of the project, at most 16 MiB",
        .options = path_options,
        .result = "text, any bytes",
        .start = fs_read,
    },
    {
        .name = "fs.exists",
        .class = PL_READ,
        .summary = "Whether a file or directory of the project is there",
        .options = path_options,
        .result = "true or false",
        .start = fs_exists,
    },
    {
        .name = "fs.list",
        .class = PL_READ,
        .summary = "What a directory of the project holds, by name",
        .options = list_options,
        .result = "list of {name, kind: file|directory|link|other, bytes: of files}",
        .start = fs_list,
    },
    {
        .name = "fs.write",
        .class = PL_WRITE,
        .summary = "Writes a file of the project as a whole, with its directories",
        .options = write_options,
        .result = "{path: from the root, bytes}",
        .start = pl_fs_write,
        .target = target,
        .predict = pl_fs_predict_write,
        .probe = pl_fs_probe_write,
    },
    {
        .name = "fs.remove",
        .class = PL_WRITE,
        .summary = "Removes a file of the project",
        .options = path_options,
        .result = "{path: from the root}",
        .start = pl_fs_remove,
        .target = target,
        .predict = pl_fs_predict_remove,
        .probe = pl_fs_probe_remove,
    },
    {0},
};
