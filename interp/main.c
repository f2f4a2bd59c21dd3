#include <fcntl.h>
#include <unistd.h>

#include "cli/cli.h"

/* A caller may have closed them; what is opened next must not stand in their place. */
static void open_standard_streams(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

int main(int argc, char **argv)
{
	open_standard_streams();
	return pl_cli_main(argc, argv);
}
