/* The configuration file: whatever an editor or a disk made of it, it is taken or refused with one
 * line that names the place; what was taken is printed as a file that gives the same, if its paths
 * are such as a list in a file can have.
 */
#include "config.h"
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#define TEXT_MAX 65536

static int file_of(const void *data, size_t size, char path[32])
{
    int fd = memfd_create("config", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

static size_t print(const struct ordo_config *config, char *text)
{
    FILE *out = fmemopen(text, TEXT_MAX, "w");
    FUZZ_CHECK(out != NULL);
    ordo_config_print(config, out);
    long size = ftell(out);
    (void)fclose(out);
    FUZZ_CHECK(size > 0 && size < TEXT_MAX);
    return (size_t)size;
}

/* No byte that parts the items of a list or begins a comment, where a path could have it. */
static bool is_plain(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] == ';' || data[i] == ',' || data[i] == '\t' || data[i] == '\r' ||
            data[i] > 126 || (data[i] < 32 && data[i] != '\n') ||
            (data[i] == ' ' && i > 0 && data[i - 1] != '=' && i + 1 < size && data[i + 1] != '=')) {
            return false;
        }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ordo_config config;
    static struct ordo_config again;
    static char first[TEXT_MAX];
    static char second[TEXT_MAX];
    struct ordo_fail fail;
    char path[32];

    memset(&fail, 0, sizeof(fail));
    int fd = file_of(data, size, path);
    enum ordo_err err = ordo_config_load(&config, path, NULL, 0, &fail);
    (void)close(fd);
    if (err != ORDO_OK) {
        FUZZ_CHECK(memchr(fail.text, 0, sizeof(fail.text)) != NULL && fail.text[0] != 0);
        FUZZ_CHECK(strchr(fail.text, '\n') == NULL);
        return 0;
    }
    size_t printed = print(&config, first);
    if (!is_plain(data, size) || strlen(config.data) > 90) {
        return 0;
    }
    fd = file_of(first, printed, path);
    err = ordo_config_load(&again, path, NULL, 0, &fail);
    (void)close(fd);
    if (err != ORDO_OK) {
        fprintf(stderr, "%s\n%.*s", fail.text, (int)printed, first);
    }
    FUZZ_CHECK(err == ORDO_OK);
    size_t size_again = print(&again, second);
    FUZZ_CHECK(size_again == printed && memcmp(first, second, printed) == 0);
    return 0;
}
