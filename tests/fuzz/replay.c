/*
 * Stands in for libFuzzer's main: gives each file named by the arguments to
 * the fuzzer once, so that every input that ever mattered is a plain test.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		/* Said before, so that the last line names what crashed. */
		printf("%s\n", argv[i]);
		fflush(stdout);
		FILE *in = fopen(argv[i], "rb");
		if (!in || fseek(in, 0, SEEK_END) != 0) {
			perror(argv[i]);
			return 1;
		}
		long size = ftell(in);
		rewind(in);
		/* Exactly the size: one byte read too far is then found. */
		uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
		if (!data || fread(data, 1, (size_t)size, in) != (size_t)size) {
			perror(argv[i]);
			return 1;
		}
		fclose(in);
		LLVMFuzzerTestOneInput(data, (size_t)size);
		free(data);
	}
	return 0;
}
