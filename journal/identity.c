/* Whose journal is this? Answered before anything is recovered: a snapshot of another node must not
 * be taken for this one's. */
#include "journal/journal.h"
#include "journal/segment.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool read_node(const struct ordo_folder *folder, uint64_t number, uint8_t node[16])
{
    char name[ORDO_SEGMENT_NAME_MAX];
    uint8_t bytes[ORDO_SEGMENT_HEADER_SIZE];
    struct ordo_segment_header header;

    ordo_segment_name(number, name);
    int fd = openat(folder->fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool whole = pread(fd, bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes);
    (void)close(fd);
    if (!whole || ordo_segment_header_decode(bytes, sizeof(bytes), &header) != ORDO_OK) {
        return false;
    }
    memcpy(node, header.node, sizeof(header.node));
    return true;
}

enum ordo_err ordo_journal_look_node(const char *dir, uint8_t node[16], struct ordo_fail *fail)
{
    struct ordo_folder folder;
    bool found = false;
    enum ordo_err err = ordo_folder_open(&folder, dir, false, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = ordo_folder_scan(&folder, fail);
    for (uint64_t number = folder.last; err == ORDO_OK && number != 0 && !found; number--) {
        found = read_node(&folder, number, node);
        if (number == folder.first) {
            break;
        }
    }
    ordo_folder_close(&folder);
    if (err == ORDO_OK && !found) {
        err = ordo_fail_set(fail, ORDO_ERR_NOT_FOUND, "%s: no segment names its node", dir);
    }
    return err;
}
