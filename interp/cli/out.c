/* What people see: colours, symbols, errors with their source line. */
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static bool is_set(const char *name)
{
	const char *v = getenv(name);
	return v && *v;
}

static bool wants_color(struct pl_cli *c)
{
	const char *term = getenv("TERM");
	if (pl_flag_on(c, "no-color") || is_set("NO_COLOR"))
		return false;
	if (is_set("FORCE_COLOR"))
		return true;
	return isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
}

static bool wants_live(struct pl_cli *c)
{
	const char *how = pl_flag_text(c, "progress");
	const char *term = getenv("TERM");
	if (how && *how && strcmp(how, "auto") != 0)
		return strcmp(how, "live") == 0;
	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0 &&
	    !is_set("CI");
}

void pl_ui_setup(struct pl_cli *c)
{
	const char *how = pl_flag_text(c, "progress");
	setlocale(LC_CTYPE, "");
	c->ui = (struct pl_ui){
	    .color = wants_color(c),
	    .ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0,
	    .live = wants_live(c),
	    .quiet = pl_flag_on(c, "quiet") || (how && strcmp(how, "none") == 0),
	    .verbose = pl_flag_on(c, "verbose"),
	    .json = pl_flag_on(c, "json"),
	    .events = pl_flag_on(c, "events"),
	    .no_input = pl_flag_on(c, "no-input"),
	};
}

const char *pl_paint(const struct pl_ui *ui, enum pl_paint p)
{
	static const char *const codes[] = {"\033[0m", "\033[1m", "\033[2m", "\033[31m",
	    "\033[32m", "\033[33m", "\033[34m"};
	return ui->color ? codes[p] : "";
}

const char *pl_symbol(const struct pl_ui *ui, const char *utf8, const char *ascii)
{
	return ui->ascii ? ascii : utf8;
}

const char *pl_state_symbol(const struct pl_ui *ui, enum pl_state s)
{
	static const struct {
		const char *utf8, *ascii;
	} symbols[] = {
	    [PL_PENDING] = {"·", "."},
	    [PL_RUNNING] = {"▶", ">"},
	    [PL_DONE] = {"✓", "ok"},
	    [PL_SKIPPED] = {"–", "-"},
	    [PL_FAILED] = {"✗", "x"},
	    [PL_SUSPENDED] = {"⏸", "||"},
	    [PL_DENIED] = {"⛔", "no"},
	    [PL_AGAIN] = {"↺", "<<"},
	    [PL_STOPPED] = {"■", "[]"},
	};
	return ui->ascii ? symbols[s].ascii : symbols[s].utf8;
}

void pl_put(FILE *f, const char *text)
{
	struct pl_buf clean = {0};
	pl_printable(&clean, text, strlen(text), true);
	fputs(clean.at ? clean.at : "", f);
	pl_buf_fini(&clean);
}

static void put_source_line(
    struct pl_cli *c, const struct pl_err *err, const struct pl_value *sources)
{
	const struct pl_value *text = NULL;
	for (uint32_t i = 0; sources && i < sources->as.list.len; i++)
		if (strcmp(pl_get_text(sources->as.list.at[i], "name", ""),
		        err->file) == 0)
			text = pl_get(sources->as.list.at[i], "text");
	if (!text || !err->line)
		return;
	const char *line = text->as.text.at;
	for (unsigned n = 1; line && n < err->line; n++) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return;
	char *one = pl_strndup(line, strcspn(line, "\r\n"));
	fprintf(stderr, "%s%6u | %s", pl_paint(&c->ui, PL_DIM), err->line,
	    pl_paint(&c->ui, PL_PLAIN));
	pl_put(stderr, one);
	fputc('\n', stderr);
	free(one);
}

void pl_tell_error(
    struct pl_cli *c, const struct pl_err *err, const struct pl_value *sources)
{
	fprintf(stderr, "%s%s%s ", pl_paint(&c->ui, PL_RED),
	    pl_symbol(&c->ui, "✗", "error:"), pl_paint(&c->ui, PL_PLAIN));
	if (err->file[0] && !strstr(err->msg, err->file)) {
		pl_put(stderr, err->file);
		if (err->line)
			fprintf(stderr, ":%u", err->line);
		if (err->column)
			fprintf(stderr, ":%u", err->column);
		fputs(": ", stderr);
	}
	for (const char *line = err->msg; *line;) {
		size_t n = strcspn(line, "\n");
		char *one = pl_strndup(line, n);
		pl_put(stderr, one);
		free(one);
		line += n + (line[n] == '\n');
		if (*line)
			fprintf(stderr, "\n%s%s%s ", pl_paint(&c->ui, PL_RED),
			    pl_symbol(&c->ui, "✗", "error:"),
			    pl_paint(&c->ui, PL_PLAIN));
	}
	fprintf(stderr, "  %s[%s]%s\n", pl_paint(&c->ui, PL_DIM), err->code,
	    pl_paint(&c->ui, PL_PLAIN));
	put_source_line(c, err, sources);
}

int pl_usage(struct pl_cli *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nMore: pipe help %s\n", c->command->name);
	return PL_EXIT_USAGE;
}

int pl_failed(struct pl_cli *c, int code)
{
	pl_tell_error(c, &c->err, NULL);
	return code;
}

void pl_put_json(const struct pl_value *v)
{
	struct pl_buf out = {0};
	pl_json_pretty(&out, v);
	fwrite(out.at, 1, out.len, stdout);
	fputc('\n', stdout);
	pl_buf_fini(&out);
}
