/* ingress.h - the ring's only producer: commands in, stamped and claimed; ticks when their time has
 * come.
 *
 * The doors (net/) hand it decoded commands on the ingress thread; internal commands (tick, resume,
 * genesis) enter the same way. Put stages a command, flush publishes what was staged as one batch
 * with one time stamp.
 */
#ifndef ORDO_PIPELINE_INGRESS_H
#define ORDO_PIPELINE_INGRESS_H

#include "order/schema.h"
#include "pipeline/timekeeper.h"
#include "ring/sequencer.h"

struct ordo_ingress {
    struct ordo_sequencer *sequencer;
    struct ordo_timekeeper *keeper;
    const struct ordo_sequence *deadline_us; /* apply exports its next deadline here */
    const struct ordo_sequence *applied;     /* apply's cursor: a tick waits for the one before */
    uint64_t tick_cursor;                    /* the last tick's slot; 0 = none */
    uint64_t staged_first;                   /* cursors claimed and not yet published */
    uint32_t staged;
    uint64_t batch_us;    /* the stamp of the staged batch; 0 = not taken yet */
    uint64_t received_ns; /* the caller's: when what it puts came (monotonic); 0 = now */
    uint64_t next_sample; /* ordo_stamps_is_due */
};

/* Starter thread. */
void ordo_ingress_init(
    struct ordo_ingress *ingress,
    struct ordo_sequencer *sequencer,
    struct ordo_timekeeper *keeper,
    const struct ordo_sequence *deadline_us,
    const struct ordo_sequence *applied);

/* Stages one command: encodes it into the command ring and fills a slot (time, token, flags:
 * ORDO_SLOT_ANSWER and ORDO_SLOT_LAST). For a fact the id is set here, from its content. FULL when
 * the ring or the command ring has no room: flush, and try again later. Ingress thread; does not
 * block. */
enum ordo_err ordo_ingress_put(
    struct ordo_ingress *ingress, struct ordo_command *command, uint64_t token, uint16_t flags)
    ORDO_MUST_USE;

/* Free slots that put may use now, at most `wanted`: lets a caller stage a request whole or not at
 * all. */
uint32_t ordo_ingress_room(struct ordo_ingress *ingress, uint32_t wanted);

/* Publishes the staged commands; returns how many. Ingress thread. */
uint32_t ordo_ingress_flush(struct ordo_ingress *ingress);

/* Stages a tick when apply's next deadline has come, or a continue when apply has more to do at
 * once (deadline 0), if the one before was applied: 1, else 0. Call after the payment facts of a
 * cycle were put and before anything else. Ingress thread. */
uint32_t ordo_ingress_tick(struct ordo_ingress *ingress);

#endif
