/* vault.h - the archive folder below a data folder, for the files of the journal: names, its lock,
 * reading an archived segment as if it were a segment's file.
 */
#ifndef ORDO_JOURNAL_VAULT_H
#define ORDO_JOURNAL_VAULT_H

#include "journal/archive.h"
#include "journal/segment.h"

#define ORDO_VAULT_TMP "archive.tmp"

void ordo_vault_name(uint64_t number, char name[ORDO_SEGMENT_NAME_MAX]);

/* The number in an archived segment's name; 0 for any other name. */
uint64_t ordo_vault_number(const char *name);

/* The archive's folder; NOT_FOUND when there is none and make is false. *fd is the caller's. */
enum ordo_err ordo_vault_open(
    const struct ordo_folder *folder, bool make, int *fd, struct ordo_fail *fail) ORDO_MUST_USE;

/* Who moves or deletes archived segments holds it alone, who needs them to stay shares it. Does not
 * wait: IN_USE. It goes with the descriptor. */
enum ordo_err ordo_vault_lock(
    const struct ordo_folder *folder, int fd, bool alone, struct ordo_fail *fail) ORDO_MUST_USE;

/* An archived segment, opened for reading: its bytes lie in memory behind segment->fd. NOT_FOUND,
 * DAMAGED. */
enum ordo_err ordo_vault_segment(
    const struct ordo_folder *folder,
    uint64_t number,
    struct ordo_segment *segment,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* The first size bytes of it, without unpacking the rest. */
enum ordo_err ordo_vault_read_first(
    const struct ordo_folder *folder,
    uint64_t number,
    uint8_t *data,
    size_t size,
    size_t *got,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* DAMAGED when the file of this name in the archive is not exactly data. */
enum ordo_err ordo_vault_compare(
    const struct ordo_folder *folder,
    const char *name,
    const uint8_t *data,
    size_t size,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
