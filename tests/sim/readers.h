/* readers.h - subscribers: followers of the client library, with and without a durable cursor.
 *
 * Each must be given every update once and in order, whatever the stream drops and however often
 * the node or the follower itself begins again: one with a cursor may see again what it had not
 * acknowledged when it was closed, and nothing may be missing. What it is given must be what was
 * decided, and at the end its hash of the stream must be that of the state.
 */
#ifndef ORDO_TESTS_SIM_READERS_H
#define ORDO_TESTS_SIM_READERS_H

#include <stdbool.h>
#include <stdint.h>

#define READER_NAME "sim-reader" /* of the cursor; nobody else's business */

struct readers_counts {
    uint64_t delivered;
    uint64_t refilled;
    uint64_t gaps;
    uint64_t reopened;
};
extern struct readers_counts readers_counts;

void readers_begin(void);
void readers_end(void);

/* When the index-th reader has something to do; false past the last. */
bool readers_due_ns(uint32_t index, uint64_t *due_ns);
void readers_act(uint32_t index);

/* True when all have everything up to this update; then their hashes are compared. */
bool readers_have(uint64_t update_seq, uint64_t low, uint64_t high);

#endif
