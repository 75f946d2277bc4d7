/* journal.h - what the verbs on journal files share: their options, and small helpers of printing.
 *
 * All of them take the data folder as their argument, only read unless --yes is given, and work
 * beside a running server and on what a crash has left.
 */
#ifndef ORDO_TOOLS_JOURNAL_H
#define ORDO_TOOLS_JOURNAL_H

#include "journal/trim.h"

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

struct ordo_journal_options {
    const char *dir; /* not owned */
    const char *to;  /* a second folder, where the verb takes one */
    bool takes_two;
    const char *key_file;
    uint64_t from;
    uint64_t upto;     /* UINT64_MAX = not given */
    uint64_t older_us; /* an age; 0 = not given */
    uint64_t discard;  /* UINT64_MAX = not given */
    uint64_t cursor_keep_us;
    uint64_t cursor_share; /* percent of the disk */
    uint8_t root[32];
    bool has_root;
    bool snapshots;
    bool digest;
    bool yes;
    bool json;
};

/* Options without a letter. */
enum { ORDO_JOURNAL_CURSOR_KEEP = 0x400, ORDO_JOURNAL_CURSOR_SHARE };

/* The rows of the options' table, for each verb to choose from. */
#define ORDO_JOURNAL_JSON                                                                          \
    {                                                                                              \
        "json", 'j', NULL, 0, "JSON instead of text", 0                                            \
    }
#define ORDO_JOURNAL_KEY                                                                           \
    {                                                                                              \
        "key", 'k', "FILE", 0, "The key file of a keyed chain (journal.key_file)", 0               \
    }
#define ORDO_JOURNAL_YES                                                                           \
    {                                                                                              \
        "yes", 'y', NULL, 0, "Do it; without this only what would be done is printed", 0           \
    }

/* Parses; false after a usage error, whose text is on stderr. */
bool ordo_journal_parse(
    const struct argp_option *table,
    const char *arguments,
    const char *text,
    int argc,
    char **argv,
    struct ordo_journal_options *options);

/* "2026-11-23T14:05:06Z" of engine or wall time; "-" for 0. */
void ordo_journal_time(uint64_t time_us, char out[32]);
void ordo_journal_hex(const uint8_t *data, size_t size, char *out);

/* A progress line on a terminal. */
void ordo_journal_progress(void *context, uint64_t number, uint64_t last);
void ordo_journal_progress_end(void);

/* The sequence of the older of two complete snapshots; 0 when there are not two. */
uint64_t ordo_journal_needed(const char *dir);

/* argv[0] is "ordo journal NAME". */
int ordo_journal_ls(int argc, char **argv);
int ordo_journal_stat(int argc, char **argv);
int ordo_journal_dump(int argc, char **argv);
int ordo_journal_check(int argc, char **argv);  /* verify */
int ordo_journal_move(int argc, char **argv);   /* archive */
int ordo_journal_delete(int argc, char **argv); /* trim */
int ordo_journal_repair(int argc, char **argv); /* repair-tail */

#endif
