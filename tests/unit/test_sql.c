#include "../../interp/host/host.h"
#include "../../interp/host/sql.h"
#include "check.h"

#include <stdlib.h>
#include <string.h>

/* The pieces, with "¦" between them; or "CODE LINE:COLUMN". */
static const char *split(struct pl_arena *a, const char *text, size_t n)
{
	struct pl_sql all;
	struct pl_err err = {0};
	struct pl_buf out = {0};
	const char *joined;

	if (!pl_sql_split(&all, a, text, n, &err))
		return pl_arena_printf(a, "%s %u:%u", err.code, err.line, err.column);
	for (size_t i = 0; i < all.len; i++) {
		if (i)
			pl_buf_puts(&out, "¦");
		pl_buf_add(&out, all.at[i].at, all.at[i].n);
	}
	joined = pl_arena_text(a, out.at ? out.at : "", out.len);
	pl_buf_fini(&out);
	return joined;
}

static const struct {
	const char *text, *want;
} pieces[] = {
    /* where statements end */
    {"", ""},
    {" \t\r\n\f\v", ""},
    {";;;", ""},
    {"; ;\n;", ""},
    {"select 1", "select 1"},
    {"  select 1 ;\n", "select 1"},
    {"select 1;;;select 2;;", "select 1¦select 2"},
    {"a;b;c", "a¦b¦c"},
    {"\xef\xbb\xbfselect 1;select 2", "select 1¦select 2"},
    {"\xef\xbb\xbf", ""},
    {"select 1;\r\n\r\nselect\r\n 2\r\n;\r\n", "select 1¦select\r\n 2"},
    {"select '\xc3\xa6;\xc3\xb8' ;select \xf0\x9f\x90\x98;x",
        "select '\xc3\xa6;\xc3\xb8'¦select \xf0\x9f\x90\x98¦x"},
    /* comments */
    {"-- nothing;", "-- nothing;"},
    {"-- nothing;\n", "-- nothing;"},
    {"/* only; */", "/* only; */"},
    {"-- a;\nselect 1; -- b;\nselect 2;\n-- done\n",
        "-- a;\nselect 1¦-- b;\nselect 2¦-- done"},
    {"select 1 -- one; two\n, 2; x", "select 1 -- one; two\n, 2¦x"},
    {"select 1 -- end\r;x", "select 1 -- end¦x"},
    {"select /* a; /* b; */ c; */ 1; x", "select /* a; /* b; */ c; */ 1¦x"},
    {"/* /*/ */ */ a; b", "/* /*/ */ */ a¦b"},
    {"/**/;a", "/**/¦a"},
    {"-- c\n;a", "-- c¦a"},
    {"select 1 --", "select 1 --"},
    {"select 5--6;7\n;x", "select 5--6;7¦x"},
    {"select 1 +-- ;\n 2;x", "select 1 +-- ;\n 2¦x"},
    {"select 1 */* ; */ 2;x", "select 1 */* ; */ 2¦x"},
    {"-- it's\nselect 1;x", "-- it's\nselect 1¦x"},
    {"/* it's \" $$ */ select 1;x", "/* it's \" $$ */ select 1¦x"},
    /* texts */
    {"select 'a;b';x", "select 'a;b'¦x"},
    {"select 'a'';b';x", "select 'a'';b'¦x"},
    {"select ''';';x", "select ''';'¦x"},
    {"select '';x", "select ''¦x"},
    {"select 'a\\';x", "select 'a\\'¦x"},
    {"select '--';x", "select '--'¦x"},
    {"select '/*';x", "select '/*'¦x"},
    {"select E'a\\';b';x", "select E'a\\';b'¦x"},
    {"select e'a\\\\';x", "select e'a\\\\'¦x"},
    {"select E'''\\';';x", "select E'''\\';'¦x"},
    {"select E'a'\n'b\\';c';x", "select E'a'\n'b\\';c'¦x"},
    {"select E'a' -- it's\n  'b\\';c';x", "select E'a' -- it's\n  'b\\';c'¦x"},
    {"select E'a' 'b\\';x", "select E'a' 'b\\'¦x"},
    {"select 'a'\n'b\\';x", "select 'a'\n'b\\'¦x"},
    {"select E'a'\n;x", "select E'a'¦x"},
    {"select type'a\\';x", "select type'a\\'¦x"},
    {"select _e'a\\';x", "select _e'a\\'¦x"},
    {"select B'01;', X'f;', N'a;';x", "select B'01;', X'f;', N'a;'¦x"},
    {"select U&'d\\0061t;\\' ;x", "select U&'d\\0061t;\\'¦x"},
    {"select U&\"a;b\\\" ;x", "select U&\"a;b\\\"¦x"},
    {"select u & 'a;' ;x", "select u & 'a;'¦x"},
    {"select \"a;b\", \"c\"\";\";x", "select \"a;b\", \"c\"\";\"¦x"},
    {"select \"it's\";x", "select \"it's\"¦x"},
    /* dollars */
    {"select $$a;b$$;x", "select $$a;b$$¦x"},
    {"select $a$ $$;' -- $a$;x", "select $a$ $$;' -- $a$¦x"},
    {"select $\xc3\xa6$ ; $\xc3\xa6$;x", "select $\xc3\xa6$ ; $\xc3\xa6$¦x"},
    {"select $a1_$ ; $a$ ; $a1_$;x", "select $a1_$ ; $a$ ; $a1_$¦x"},
    {"select $x$ $y$x$;x", "select $x$ $y$x$¦x"},
    {"select a$b$c;x;b$c", "select a$b$c¦x¦b$c"},
    {"select a$$;b$$;x", "select a$$¦b$$¦x"},
    {"select $1;select $2$$;$$;x", "select $1¦select $2$$;$$¦x"},
    {"execute p($1);x", "execute p($1)¦x"},
    {"select 1 $ 2;x", "select 1 $ 2¦x"},
    {"select $1a$ ; x", "select $1a$¦x"},
    {"select $A$;$a$;$A$;x", "select $A$;$a$;$A$¦x"},
    {"select 1.5e3, 1.e'x';x", "select 1.5e3, 1.e'x'¦x"},
    /* parentheses */
    {"create rule r as on insert to t do also (insert into a; delete from b);x",
        "create rule r as on insert to t do also (insert into a; delete from b)¦x"},
    {"create rule r as on insert to t do (a; (b; c););x",
        "create rule r as on insert to t do (a; (b; c);)¦x"},
    {"select (');' || \";)\" /*)*/);x", "select (');' || \";)\" /*)*/)¦x"},
    {"select );x;y", "select )¦x¦y"},
    {"select (1;x", "select (1;x"},
    /* bodies */
    {"create function f() returns int language sql begin atomic select 1; select 2; "
     "end; x",
        "create function f() returns int language sql begin atomic select 1; select 2; "
        "end¦x"},
    {"CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC END;x",
        "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC END¦x"},
    {"create function f() begin /* ; */ atomic -- ;\n; end;x",
        "create function f() begin /* ; */ atomic -- ;\n; end¦x"},
    {"create function f() begin atomic select case when a then 1 else case b when 2 "
     "then 3 end end; select 4; end;x",
        "create function f() begin atomic select case when a then 1 else case b when 2 "
        "then 3 end end; select 4; end¦x"},
    {"create function f() begin atomic select t.end, weekend, 1 as end from t; end;x",
        "create function f() begin atomic select t.end, weekend, 1 as end from t; "
        "end¦x"},
    {"create function f() begin atomic select 'end;' /* ; end */; \"end\"; end;x",
        "create function f() begin atomic select 'end;' /* ; end */; \"end\"; end¦x"},
    {"create function f() returns int return 1;x",
        "create function f() returns int return 1¦x"},
    {"create function f(begin atomic) returns int as 'x';end;x",
        "create function f(begin atomic) returns int as 'x'¦end¦x"},
    {"create function f() as $$ begin atomic $$;x",
        "create function f() as $$ begin atomic $$¦x"},
    {"create table function (a int); begin atomic;x",
        "create table function (a int)¦begin atomic¦x"},
    {"begin;select 1;end;", "begin¦select 1¦end"},
    {"begin atomic; x; end", "begin atomic¦x¦end"},
    {"create procedure p() begin atomic insert into t values (1); end; create "
     "procedure q() begin atomic ; end; z",
        "create procedure p() begin atomic insert into t values (1); end¦create "
        "procedure q() begin atomic ; end¦z"},
    /* COPY and psql */
    {"copy t to stdout;x", "copy t to stdout¦x"},
    {"copy t from '/tmp/x';x", "copy t from '/tmp/x'¦x"},
    {"copy (select 1 from stdin) to program 'cat';x",
        "copy (select 1 from stdin) to program 'cat'¦x"},
    {"select copy from stdin;x", "select copy from stdin¦x"},
    {"select '\\d', \"\\d\", $$\\d$$ /* \\d */ -- \\d",
        "select '\\d', \"\\d\", $$\\d$$ /* \\d */ -- \\d"},
    {"copy t from stdin;\n1\n\\.\n", "sql.copy 1:1"},
    {"select 1;\n\n  -- why\n  COPY t (a, b) FROM STDIN WITH csv;", "sql.copy 4:3"},
    {"copy t from /* x */ stdin", "sql.copy 1:1"},
    {"\\set a 1\nselect :a;", "sql.psql 1:1"},
    {"select 1;\n\xc3\xa6 \\gexec", "sql.psql 2:3"},
    {"select 1 \\;", "sql.psql 1:10"},
    /* what is not ended, where it began */
    {"select 1;\nselect 'a\n\n;", "sql.quote 2:8"},
    {"select ''' ;", "sql.quote 1:8"},
    {"select \"a;\n'", "sql.quote 1:8"},
    {"select E'a\\", "sql.quote 1:9"},
    {"select E'a\\'", "sql.quote 1:9"},
    {"select E'a'\n'b", "sql.quote 2:1"},
    {"\xef\xbb\xbf'", "sql.quote 1:1"},
    {"a;\r\n /* b /* c */", "sql.comment 2:2"},
    {"/*/", "sql.comment 1:1"},
    {"select\n $$ ; $a$", "sql.dollar 2:2"},
    {"select $a$ $A$", "sql.dollar 1:8"},
    {"create function f()\nbegin atomic select case when a then b end;",
        "sql.body 2:1"},
    {"select '\xff'", "sql.utf8 1:9"},
    {"\xc3\xa6\n\xc3\xa6\xc3", "sql.utf8 2:2"},
    {"\xed\xa0\x80", "sql.utf8 1:1"},
    {"\xc0\xaf", "sql.utf8 1:1"},
    {"\xf5\x80\x80\x80", "sql.utf8 1:1"},
};

static void cut(void)
{
	CHECK_CASE("where statements end");
	for (size_t i = 0; i < PL_COUNT(pieces); i++) {
		struct pl_arena a = {0};

		CHECK_TEXT(
		    split(&a, pieces[i].text, strlen(pieces[i].text)), pieces[i].want);
		pl_arena_fini(&a);
	}
}

static void bytes(void)
{
	static const char nul[] = "a;\nb\0c", both[] = "a\0\xff", late[] = "a\xff\0";
	struct pl_arena a = {0};
	struct pl_sql all;
	char *exact = malloc(3);

	CHECK_CASE("bytes that no SQL has");
	CHECK_TEXT(split(&a, nul, sizeof nul - 1), "sql.nul 2:2");
	CHECK_TEXT(split(&a, both, sizeof both - 1), "sql.nul 1:2");
	CHECK_TEXT(split(&a, late, sizeof late - 1), "sql.utf8 1:2");
	CHECK(pl_sql_split(&all, &a, "\xef\xbb\xbfx", 4, NULL) && all.bom);
	CHECK(pl_sql_split(&all, &a, "x\xef\xbb\xbf", 4, NULL) && !all.bom);
	CHECK(!pl_sql_split(&all, &a, "'", 1, NULL) && all.len == 0);
	/* Nothing behind the end is read: the sanitizer looks on. */
	CHECK(exact);
	memcpy(exact, "a$b", 3);
	CHECK_TEXT(split(&a, exact, 3), "a$b");
	memcpy(exact, "E''", 3);
	CHECK_TEXT(split(&a, exact, 3), "E''");
	memcpy(exact, "a -", 3);
	CHECK_TEXT(split(&a, exact, 3), "a -");
	memcpy(exact, "a U", 3);
	CHECK_TEXT(split(&a, exact, 3), "a U");
	free(exact);
	pl_arena_fini(&a);
}

/* ---- what a statement is ---------------------------------------------------- */

static const struct {
	const char *sql;
	bool transaction, atomic;
	const char *words; /* with blanks between them; NULL: not looked at */
} kinds[] = {
    {"select 1", false, true, "SELECT 1"},
    {"-- x\n/* y */ ", false, true, ""},
    {"Alter Table only public.\"User s\" add column a.b int -- c", false, true,
        "ALTER TABLE ONLY PUBLIC.\"User s\" ADD COLUMN A.B INT"},
    {"select t.*, .5, a . b, 'x', f(1)::text", false, true,
        "SELECT T.* , . 5 , A.B , 'x' , F ( 1 ) :: TEXT"},
    {"do $$ begin perform 1; end; this is far too long to be kept $$", false, true,
        "DO '…'"},
    {"create index i on \xc3\xa6 (a)", false, true, "CREATE INDEX I ON \xc3\xa6 ( A )"},
    {"begin", true, true, "BEGIN"},
    {"/* x */ Begin isolation level serializable", true, true, NULL},
    {"start transaction read only", true, true, NULL},
    {"commit and chain", true, true, NULL},
    {"end", true, true, NULL},
    {"abort", true, true, NULL},
    {"rollback to savepoint a", true, true, NULL},
    {"savepoint a", true, true, NULL},
    {"release a", true, true, NULL},
    {"prepare transaction 'a'", true, true, NULL},
    {"commit prepared 'a'", true, true, NULL},
    {"prepare p as select 1", false, true, NULL},
    {"start replication", false, true, NULL},
    {"\"begin\"", false, true, "\"begin\""},
    {"set transaction isolation level serializable", false, true, NULL},
    {"create index concurrently i on t (a)", false, false, NULL},
    {"create unique index concurrently if not exists i on t (a)", false, false, NULL},
    {"create index i on t (concurrently)", false, true, NULL},
    {"create index \"concurrently\" on t (a)", false, true, NULL},
    {"drop index /* now */ concurrently i", false, false, NULL},
    {"drop index i", false, true, NULL},
    {"reindex index concurrently i", false, false, NULL},
    {"reindex (verbose, concurrently) table t", false, false, NULL},
    {"reindex (verbose) database d", false, false, NULL},
    {"reindex schema s", false, false, NULL},
    {"reindex table t", false, true, NULL},
    {"reindex (", false, true, NULL},
    {"vacuum full t", false, false, NULL},
    {"alter system set work_mem = '1MB'", false, false, NULL},
    {"cluster", false, false, NULL},
    {"cluster t using i", false, false, NULL},
    {"create database d", false, false, NULL},
    {"drop database if exists d", false, false, NULL},
    {"alter database d set tablespace s", false, false, NULL},
    {"alter database d set work_mem = '1MB'", false, true, NULL},
    {"create tablespace s location '/x'", false, false, NULL},
    {"drop tablespace s", false, false, NULL},
    {"create subscription s connection 'x' publication p", false, false, NULL},
    {"alter subscription s refresh publication", false, false, NULL},
    {"alter subscription s disable", false, true, NULL},
    {"discard all", false, false, NULL},
    {"discard plans", false, true, NULL},
    {"alter table t detach partition p concurrently", false, false, NULL},
    {"alter table t detach partition p", false, true, NULL},
    {"refresh materialized view concurrently v", false, true, NULL},
    {"alter type t add value 'x'", false, true, NULL},
};

static void classify(void)
{
	CHECK_CASE("what a statement is");
	for (size_t i = 0; i < PL_COUNT(kinds); i++) {
		struct pl_arena a = {0};
		struct pl_sql all;
		struct pl_buf words = {0};

		CHECK_CASE(kinds[i].sql);
		if (!CHECK(pl_sql_split(
		               &all, &a, kinds[i].sql, strlen(kinds[i].sql), NULL) &&
		        all.len == 1))
			continue;
		CHECK_INT(all.at[0].transaction, kinds[i].transaction);
		CHECK_INT(all.at[0].atomic, kinds[i].atomic);
		for (size_t w = 0; w < all.at[0].words_n; w++)
			pl_buf_printf(&words, "%s%s", w ? " " : "", all.at[0].words[w]);
		if (kinds[i].words)
			CHECK_TEXT(words.at ? words.at : "", kinds[i].words);
		CHECK(all.at[0].words[all.at[0].words_n] == NULL);
		pl_buf_fini(&words);
		pl_arena_fini(&a);
	}
}

static void places(void)
{
	static const char text[] = "\xef\xbb\xbf-- \xc3\xa6\nselect 1;\r\n  select\n2; "
	                           "\xc3\xa6;copy t to stdout;--";
	static const unsigned want[][4] = {
	    {1, 1, 2, 1}, {3, 3, 3, 3}, {4, 4, 4, 4}, {4, 6, 4, 6}, {4, 23, 0, 0}};
	struct pl_arena a = {0};
	struct pl_sql all;

	CHECK_CASE("places");
	CHECK(pl_sql_split(&all, &a, text, sizeof text - 1, NULL));
	CHECK_INT(all.len, PL_COUNT(want));
	for (size_t i = 0; i < all.len && i < PL_COUNT(want); i++) {
		CHECK_INT(all.at[i].line, want[i][0]);
		CHECK_INT(all.at[i].column, want[i][1]);
		CHECK_INT(all.at[i].word_line, want[i][2]);
		CHECK_INT(all.at[i].word_column, want[i][3]);
		CHECK_INT(all.at[i].copies, i == 3);
	}
	pl_arena_fini(&a);
}

/* Deep and long: no stack is used up, and twice as much takes no more than about
 * twice as long, which a square would miss by far. */
static void large(void)
{
	static const char *const parts[] = {
	    "(", "/*", "$a", "$a$", "E'\\''", "E''\n", "a.", ";", "-- \n", "case "};
	struct pl_arena a = {0};
	struct pl_buf text = {0};
	struct pl_sql all;
	struct pl_err err;

	CHECK_CASE("deep and long");
	for (size_t p = 0; p < PL_COUNT(parts); p++) {
		pl_buf_reset(&text);
		for (size_t i = 0; i < 300000; i++)
			pl_buf_puts(&text, parts[p]);
		pl_sql_split(&all, &a, text.at, text.len, &err);
		pl_arena_reset(&a);
	}
	pl_buf_reset(&text);
	for (size_t i = 0; i < 100000; i++)
		pl_buf_puts(&text, "select 1;");
	CHECK(pl_sql_split(&all, &a, text.at, text.len, &err));
	CHECK_INT(all.len, 100000);
	CHECK_INT(all.at[99999].column, 99999 * 9 + 1);
	pl_buf_fini(&text);
	pl_arena_fini(&a);
}

/* ---- the row ------------------------------------------------------------------ */

static void answered(struct pl_call *call)
{
	*(bool *)call->owner = true;
}

static void row(void)
{
	static const char text[] =
	    "\xef\xbb\xbfselect 1;\n-- b\nvacuum t;\ncommit;\n-- c";
	struct pl_arena a = {0};
	struct pl_value *args = pl_map(&a);
	bool done = false;
	struct pl_call call = {
	    .arena = &a, .args = args, .finished = answered, .owner = &done};
	struct pl_buf json = {0};
	struct pl_err err;

	CHECK_CASE("the row");
	CHECK_TEXT(pl_sql_rows[0].name, "sql.split");
	pl_map_set(&a, args, "text", pl_text(&a, text));
	pl_sql_rows[0].start(&call);
	CHECK(done && !call.failed);
	CHECK(pl_json_canonical(&json, call.result, &err));
	CHECK_TEXT(json.at,
	    "{\"bom\":true,\"statements\":["
	    "{\"atomic\":true,\"column\":1,\"line\":1,\"sql\":\"select 1\","
	    "\"transaction\":false,\"word_column\":1,\"word_line\":1,"
	    "\"words\":[\"SELECT\",\"1\"]},"
	    "{\"atomic\":false,\"column\":1,\"line\":2,\"sql\":\"-- b\\nvacuum t\","
	    "\"transaction\":false,\"word_column\":1,\"word_line\":3,"
	    "\"words\":[\"VACUUM\",\"T\"]},"
	    "{\"atomic\":true,\"column\":1,\"line\":4,\"sql\":\"commit\","
	    "\"transaction\":true,\"word_column\":1,\"word_line\":4,"
	    "\"words\":[\"COMMIT\"]},"
	    "{\"atomic\":true,\"column\":1,\"line\":5,\"sql\":\"-- c\","
	    "\"transaction\":false,\"words\":[]}]}");
	pl_map_set(&a, args, "text", pl_text(&a, "a;\n\\d"));
	pl_sql_rows[0].start(&call);
	CHECK(call.failed);
	CHECK_TEXT(call.err.msg,
	    "line 2, column 1: \"\\d\" is a command of psql, which the server does not "
	    "know");
	pl_buf_fini(&json);
	pl_arena_fini(&a);
}

int main(void)
{
	cut();
	bytes();
	classify();
	places();
	large();
	row();
	return check_end();
}
