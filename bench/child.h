/* child.h - a node of its own for a benchmark: this program again, as `serve`, on a fresh folder.
 * One thread; all block. */
#ifndef ORDO_BENCH_CHILD_H
#define ORDO_BENCH_CHILD_H

#include "base/err.h"
#include "bench/folder.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ORDO_CHILD_PATH  512
#define ORDO_CHILD_FLAGS 16

struct ordo_child_config {
    const char *dir;                     /* the data folder is made below it */
    const char *url;                     /* NULL: an ipc socket in a folder of its own */
    const char *flags[ORDO_CHILD_FLAGS]; /* "section.key=value", for --set */
    uint32_t flag_count;
};

struct ordo_child {
    pid_t pid;                      /* 0 = none */
    char folder[ORDO_BENCH_FOLDER]; /* its data and their key */
    char data[ORDO_CHILD_PATH];
    char sockets[64]; /* where its sockets are: their paths must be short */
    char url[128];
    char log[ORDO_CHILD_PATH];
};

/* Starts it; it may not listen yet: connect with patience. close is owed also after an error. */
enum ordo_err ordo_child_open(
    struct ordo_child *node,
    const struct ordo_child_config *config,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Asks it to end, waits, removes what it wrote. */
void ordo_child_close(struct ordo_child *node);

/* True when the node has ended by itself; reason is then what it said last, without "ordo: ". Does
 * not block. */
bool ordo_child_has_ended(struct ordo_child *node, char *reason, size_t size);

/* Seconds of CPU that it has used, over all threads; to the nanosecond. */
double ordo_child_cpu_s(const struct ordo_child *node);

#endif
