/*
 * Writes the files named by its arguments as one C file: the table that
 * interp/bind/embedded.h declares. Byte for byte, so that what the binary
 * holds is what the repository holds, with its line numbers.
 */
#include <stdio.h>
#include <stdlib.h>

static void die(const char *what, const char *name)
{
	fprintf(stderr, "embed: %s: ", name);
	perror(what);
	exit(1);
}

/* One string literal a source line. Octal takes at most three digits, so what
 * follows an escape cannot become part of it; `?` could begin a trigraph. */
static size_t write_bytes(FILE *in, FILE *out)
{
	size_t n = 0;
	int c, last = 0;
	fputs("\t\"", out);
	while ((c = getc(in)) != EOF) {
		if (last == '\n')
			fputs("\"\n\t\"", out);
		if (c == '\n')
			fputs("\\n", out);
		else if (c < 32 || c > 126 || c == '"' || c == '\\' || c == '?')
			fprintf(out, "\\%03o", (unsigned)c);
		else
			putc(c, out);
		last = c;
		n++;
	}
	fputs("\"", out);
	return n;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fputs("usage: embed OUT.c FILE…\n", stderr);
		return 2;
	}
	FILE *out = fopen(argv[1], "w");
	if (!out)
		die("open", argv[1]);
	fputs("/* Made by tools/embed.c from the files it names. */\n"
	      "#include \"../../interp/bind/embedded.h\"\n\n"
	      "const struct pl_embedded pl_embedded[] = {\n",
	    out);
	for (int i = 2; i < argc; i++) {
		FILE *in = fopen(argv[i], "rb");
		if (!in)
			die("open", argv[i]);
		fprintf(out, "\t{\"%s\", (const unsigned char *)\n", argv[i]);
		size_t n = write_bytes(in, out);
		if (ferror(in))
			die("read", argv[i]);
		fclose(in);
		fprintf(out, ",\n\t    %zu},\n", n);
	}
	fputs("\t{NULL, NULL, 0},\n};\n", out);
	if (ferror(out) || fclose(out) != 0)
		die("write", argv[1]);
	return 0;
}
