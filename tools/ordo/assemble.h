/* assemble.h - a node put together: journal, engine and doors bound into one pipeline. READ FIRST.
 *
 *   config ─▶ journal open (lock) ─▶ snapshot, then replay ─▶ state ─▶ pipeline ─▶ doors ─▶
 * genesis, resume ─▶ runners
 */
#ifndef ORDO_TOOLS_ASSEMBLE_H
#define ORDO_TOOLS_ASSEMBLE_H

#include "config.h"
#include "journal/journal.h"
#include "net/inbox.h"
#include "net/server.h"
#include "pipeline/pipeline.h"
#include "replay.h"
#include "snapshots.h"

struct ordo_node {
    struct ordo_arena arena; /* a refused snapshot's state is thrown away with all of it */
    struct ordo_arena uring_arena;
    struct ordo_replay replay;
    struct ordo_uring *uring; /* of the thread that has door and journal; NULL = each its own */
    struct ordo_journal *journal;
    struct ordo_server *server;
    struct ordo_recovery recovery;
    struct ordo_restart restart;
    struct ordo_snapshots snapshots;
    struct ordo_snapshotter snapshotter;
    struct ordo_pipeline pipeline;
    struct ordo_thread stopper;
    struct ordo_flag stopped;
    uint8_t genesis[ORDO_SETTINGS_MAX * 2 * ORDO_VARINT_MAX]; /* the pairs of the first command */
};

/* Everything up to a node that could start: folder locked, state replayed, sockets bound, memory
 * taken and sealed. On an error nothing is held. Starter thread; blocks as long as the recovery
 * takes. */
enum ordo_err ordo_node_open(
    struct ordo_node *node, const struct ordo_config *config, struct ordo_fail *fail) ORDO_MUST_USE;

/* Starts the runners and lets requests in. */
enum ordo_err ordo_node_start(struct ordo_node *node, struct ordo_fail *fail) ORDO_MUST_USE;

/* Refuses new requests, answers those taken, writes everything, ends the threads. False: the
 * journal has failed, so what waits for it can never be answered; threads may be running still, and
 * the process has to end at once, without a close. Blocks. */
bool ordo_node_stop(struct ordo_node *node) ORDO_MUST_USE;

/* After a stop, or after an open that was never started: releases everything. */
void ordo_node_close(struct ordo_node *node);

#endif
