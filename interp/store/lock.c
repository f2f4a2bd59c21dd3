/*
 * Locks by name: one process at a time. The system gives them up when the process
 * ends, however it ends, so that no crash leaves one behind.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store_inner.h"

#define NAME_MAX_BYTES 120 /* of a file's name that is still the lock's */

struct pl_lock {
	int fd;
};

/* The file of a lock: its name, with all but a-z, 0-9, '-' and '_' as %XX (upper
 * case too: some file systems hold "A" and "a" for one), and the hash of it where
 * that grows too long. */
static void name_file(struct pl_buf *out, const char *name)
{
	for (const char *c = name; *c; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') ||
		    *c == '-' || *c == '_';
		if (plain)
			pl_buf_putc(out, *c);
		else
			pl_buf_printf(out, "%%%02X", (unsigned)(unsigned char)*c);
	}
	if (out->len <= NAME_MAX_BYTES)
		return;
	uint8_t digest[32];
	char hex[65];
	pl_sha256(digest, name, strlen(name));
	pl_hex(hex, digest, sizeof digest);
	out->len = NAME_MAX_BYTES - 64;
	pl_buf_printf(out, "%%-%s", hex); /* "%-" comes from no name */
}

static struct pl_lock *locked(const char *name, const struct pl_buf *left,
    struct pl_arena *a, struct pl_value **holder, struct pl_err *err)
{
	struct pl_value *who = NULL;
	if (left->len && !pl_json_parse(&who, a, left->at, left->len, NULL))
		who = NULL;
	if (pl_get(who, "pid"))
		pl_fail(err, "store.locked",
		    "the lock '%s' is held by pid %lld on %s, since %s", name,
		    (long long)pl_get_int(who, "pid", 0),
		    pl_get_text(who, "host", "an unknown host"),
		    pl_get_text(who, "since", "an unknown time"));
	else
		pl_fail(err, "store.locked", "the lock '%s' is held by another process",
		    name);
	if (err) {
		err->retryable = true;
		err->refused = true;
	}
	if (holder)
		*holder = who && who->kind == PL_MAP ? who : pl_map(a);
	return NULL;
}

struct pl_lock *pl_lock_take(struct pl_store *s, const char *name,
    const struct pl_value *owner, struct pl_arena *a, struct pl_value **holder,
    struct pl_err *err)
{
	struct pl_lock *l = NULL;
	struct pl_buf file = {0}, line = {0}, left = {0};
	char *path = NULL;
	name_file(&file, name);
	struct pl_value *us =
	    owner && owner->kind == PL_MAP ? pl_copy(a, owner) : pl_map(a);
	if (owner && owner->kind != PL_MAP)
		pl_map_set(a, us, "owner", pl_copy(a, owner));
	pl_holder_describe(a, us);
	if (!file.len) {
		pl_fail(err, "store.write", "a lock needs a name");
		goto cleanup;
	}
	if (!pl_json_canonical(&line, us, err) ||
	    !pl_store_make(s, "locks", "store.write", err))
		goto cleanup;
	path = pl_store_path(s, "locks/%s", file.at);
	int fd = pl_disk_lock(path, line.at, &left);
	if (fd >= 0) {
		l = pl_alloc(sizeof *l);
		l->fd = fd;
	} else if (errno == EWOULDBLOCK) {
		locked(name, &left, a, holder, err);
	} else {
		pl_fail(
		    err, "store.write", "cannot lock '%s': %s", path, strerror(errno));
	}
cleanup:
	free(path);
	pl_buf_fini(&file);
	pl_buf_fini(&line);
	pl_buf_fini(&left);
	return l;
}

void pl_lock_release(struct pl_lock *l)
{
	if (!l)
		return;
	pl_disk_unlock(l->fd);
	free(l);
}
