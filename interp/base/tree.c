/* A folder and all in it, removed. */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool cannot(const char *path, struct pl_err *err)
{
	if (errno == ENOENT)
		return true;
	return pl_fail(
	    err, "file.write", "\"%s\" cannot be removed: %s", path, strerror(errno));
}

static bool remove_members(const char *path, struct pl_err *err)
{
	struct pl_arena a = {0};
	struct dirent *entry;
	DIR *dir = opendir(path);
	bool ok = true;

	if (!dir)
		return cannot(path, err);
	while (ok && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			ok = pl_dir_remove(
			    pl_arena_printf(&a, "%s/%s", path, entry->d_name), err);
	closedir(dir);
	pl_arena_fini(&a);
	return ok;
}

bool pl_dir_remove(const char *path, struct pl_err *err)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return cannot(path, err);
	if (!S_ISDIR(st.st_mode))
		return unlink(path) == 0 || cannot(path, err);
	return remove_members(path, err) && (rmdir(path) == 0 || cannot(path, err));
}
