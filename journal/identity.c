/* Whose journal is this? Answered before anything is recovered: a snapshot of another node must not
 * be taken for this one's. */
#include "journal/journal.h"
#include "journal/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* NOT_FOUND: its header is not whole, so another segment is to be asked. That it could not be read
 * is no answer. */
static enum ordo_err read_node(
    const struct ordo_folder *folder, uint64_t number, uint8_t node[16], struct ordo_fail *fail)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    uint8_t bytes[ORDO_SEGMENT_HEADER_SIZE];
    struct ordo_segment_header header;

    ordo_segment_name(number, name);
    int fd = openat(folder->fd, name, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : pread(fd, bytes, sizeof(bytes), 0);
    int error = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (size < 0 && error != ENOENT) {
        return ordo_fail_set(
            fail,
            ordo_err_from_errno(error),
            "read of %s/%s failed: %s",
            folder->path,
            name,
            strerror(error));
    }
    if (size != (ssize_t)sizeof(bytes) ||
        ordo_segment_header_decode(bytes, sizeof(bytes), &header) != ORDO_OK) {
        return ORDO_ERR_NOT_FOUND;
    }
    memcpy(node, header.node, sizeof(header.node));
    return ORDO_OK;
}

enum ordo_err ordo_journal_look_node(const char *dir, uint8_t node[16], struct ordo_fail *fail)
{
    struct ordo_folder folder;
    enum ordo_err err = ordo_folder_open(&folder, dir, false, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = ordo_folder_scan(&folder, fail);
    if (err != ORDO_OK) {
        ordo_folder_close(&folder);
        return err;
    }
    err = ORDO_ERR_NOT_FOUND;
    for (uint64_t number = folder.last; err == ORDO_ERR_NOT_FOUND && number != 0; number--) {
        err = read_node(&folder, number, node, fail);
        if (number == folder.first) {
            break;
        }
    }
    ordo_folder_close(&folder);
    if (err == ORDO_ERR_NOT_FOUND) {
        (void)ordo_fail_set(fail, err, "%s: no segment names its node", dir);
    }
    return err;
}
