/* What memcheck.py must see: a byte that nobody has set goes to a file, and a block is lost. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    char *volatile block = malloc(16);
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (block == NULL || fd < 0) {
        return 1;
    }
    block[0] = 1;
    return pwrite(fd, block, 16, 0) == 16 ? 0 : 1;
}
