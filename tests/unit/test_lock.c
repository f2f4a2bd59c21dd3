/* Locks by name: one holder, who is named to the others; no name leads elsewhere. */
#include <signal.h>
#include <sys/wait.h>

#include "store_world.h"

static struct pl_value *owner_of(struct pl_arena *a, const char *who)
{
	struct pl_value *v = pl_map(a);
	pl_map_set(a, v, "person", pl_text(a, who));
	pl_map_set(a, v, "run", pl_text(a, "r1"));
	return v;
}

static void one_holder(void)
{
	CHECK_CASE("one holder");
	struct world w;
	world_init(&w);
	struct pl_value *holder = NULL;
	struct pl_lock *l = pl_lock_take(w.store, "env:production",
	    owner_of(&w.arena, "kari"), &w.arena, &holder, &w.err);
	CHECK(l);
	CHECK(!holder);
	CHECK(!pl_lock_take(w.store, "env:production", owner_of(&w.arena, "ola"),
	    &w.arena, &holder, &w.err));
	CHECK_TEXT(w.err.code, "store.locked");
	CHECK(w.err.refused && w.err.retryable);
	CHECK(strstr(w.err.msg, "env:production"));
	CHECK_TEXT(pl_get_text(holder, "person", ""), "kari");
	CHECK_TEXT(pl_get_text(holder, "run", ""), "r1");
	CHECK_INT(pl_get_int(holder, "pid", 0), getpid());
	int64_t since;
	CHECK(pl_time_parse(&since, pl_get_text(holder, "since", ""), NULL));
	CHECK(!pl_lock_take(w.store, "env:production", NULL, &w.arena, NULL, &w.err));
	struct pl_lock *other =
	    pl_lock_take(w.store, "env:staging", NULL, &w.arena, NULL, &w.err);
	CHECK(other);
	pl_lock_release(other);
	pl_lock_release(l);
	pl_lock_release(NULL);
	l = pl_lock_take(w.store, "env:production", NULL, &w.arena, &holder, &w.err);
	CHECK(l);
	pl_lock_release(l);
	world_fini(&w);
}

static void names_stay_apart(void)
{
	CHECK_CASE("names stay apart");
	static const char *const names[] = {"a", "A", "a/b", "a%2Fb", "../a", "..", ".",
	    "a b", "\xc3\xa6", "a\n",
	    "a-name-that-is-longer-than-any-file-may-be-a-name-that-is-longer-than-any-file-may-"
	    "be-a-name-that-is-longer-than-any-file-may-be-a-name-that-is-longer-than-any-1",
	    "a-name-that-is-longer-than-any-file-may-be-a-name-that-is-longer-than-any-file-may-"
	    "be-a-name-that-is-longer-than-any-file-may-be-a-name-that-is-longer-than-any-2"};
	struct world w;
	struct pl_lock *held[PL_COUNT(names)];
	world_init(&w);
	for (size_t i = 0; i < PL_COUNT(names); i++) {
		held[i] = pl_lock_take(w.store, names[i], NULL, &w.arena, NULL, &w.err);
		CHECK(held[i]);
		CHECK(!pl_lock_take(w.store, names[i], NULL, &w.arena, NULL, &w.err));
		CHECK_TEXT(w.err.code, "store.locked");
	}
	CHECK(!pl_lock_take(w.store, "", NULL, &w.arena, NULL, &w.err));
	CHECK_TEXT(w.err.code, "store.write");
	for (size_t i = 0; i < PL_COUNT(names); i++)
		pl_lock_release(held[i]);
	world_fini(&w);
}

/* What stands in the file of a held lock may be anything. */
static void holder_unreadable(void)
{
	CHECK_CASE("holder unreadable");
	static const char *const left[] = {
	    "", "{", "7", "[1]", "{\"pid\":\"x\"}", "\xff\xfe"};
	struct world w;
	world_init(&w);
	struct pl_lock *l = pl_lock_take(w.store, "a", NULL, &w.arena, NULL, &w.err);
	for (size_t i = 0; i < PL_COUNT(left); i++) {
		struct pl_value *holder = NULL;
		file_put(world_path(&w, "locks/a"), left[i], strlen(left[i]));
		CHECK(!pl_lock_take(w.store, "a", NULL, &w.arena, &holder, &w.err));
		CHECK_TEXT(w.err.code, "store.locked");
		CHECK(holder && holder->kind == PL_MAP);
	}
	pl_lock_release(l);
	world_fini(&w);
}

static void ends_with_process(void)
{
	CHECK_CASE("ends with process");
	struct world w;
	world_init(&w);
	int pipes[2];
	CHECK(pipe(pipes) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		bool ok = pl_lock_take(w.store, "a", NULL, &w.arena, NULL, &w.err);
		if (write(pipes[1], ok ? "y" : "n", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	char c = 0;
	struct pl_value *holder = NULL;
	CHECK(read(pipes[0], &c, 1) == 1 && c == 'y');
	CHECK(!pl_lock_take(w.store, "a", NULL, &w.arena, &holder, &w.err));
	CHECK_INT(pl_get_int(holder, "pid", 0), pid);
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, NULL, 0) == pid);
	struct pl_lock *l = pl_lock_take(w.store, "a", NULL, &w.arena, NULL, &w.err);
	CHECK(l);
	pl_lock_release(l);
	close(pipes[0]);
	close(pipes[1]);
	world_fini(&w);
}

int main(void)
{
	one_holder();
	names_stay_apart();
	holder_unreadable();
	ends_with_process();
	return check_end();
}
