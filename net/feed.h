/* feed.h - the services' own thread: fetch, history and stats, beside the ring. For server.c, the
 * agents and the files feed*.c.
 *
 *   ingress agent ──deliver──▶ inbox ──▶ feed agent ──reply──▶ door
 *                                          │ reads
 *                                          ├──▶ the newest updates (recent.h)
 *                                          └──▶ the journal's files (walk.h)
 *
 * It may block on the disk, hence a thread of its own that always sleeps when there is nothing to
 * do. Bounded: requests that wait, bytes read for one, memory.
 */
#ifndef ORDO_NET_FEED_H
#define ORDO_NET_FEED_H

#include "net/inbox.h"
#include "net/recent.h"
#include "net/server.h"
#include "net/service.h"
#include "net/walk.h"
#include "ring/runner.h"

#define ORDO_FEED_WAITING_MAX    64          /* requests; further ones get BUSY */
#define ORDO_FEED_RETRY_MS       50          /* when to come again */
#define ORDO_FEED_RECENT_DEFAULT (1u << 18)  /* updates kept in memory: 22 MiB */
#define ORDO_FEED_SCAN_MAX       (16u << 20) /* bytes of records that one fetch looks through */
#define ORDO_FEED_HISTORY_MAX    (64u << 20) /* and that one page of a history reads */
#define ORDO_FEED_HEAD_ROOM      512         /* bytes of a reply before the updates */

struct ordo_request;

struct ordo_feed {
    /* immutable after open */
    struct ordo_server *server;
    const char *dir; /* NULL: there is no journal to read */
    uint8_t *reply;  /* ORDO_WIRE_REPLY_MAX bytes */
    uint8_t *scratch;

    /* ingress agent */
    struct ordo_inbox inbox;
    struct ordo_sequence handed;

    /* feed agent */
    struct ordo_sequence answered;
    struct ordo_inbox_item *waiting; /* out of the inbox, oldest first */
    struct ordo_walk walk;
    struct ordo_service service;
    struct ordo_fail fail;

    struct ordo_runner runner;

    struct ordo_counter busy;
    struct ordo_counter fetches;        /* that were answered */
    struct ordo_counter fetches_memory; /* of these, out of memory */
    struct ordo_counter updates;        /* in the answers */
    struct ordo_counter histories;
    struct ordo_counter failures; /* refused because the journal cannot be read there */
};

/* Memory for it; dir may be NULL. Starter thread. */
enum ordo_err ordo_feed_init(
    struct ordo_feed *feed, struct ordo_server *server, const char *dir, struct ordo_arena *arena);

/* Starts its thread. Starter thread. */
enum ordo_err ordo_feed_start(struct ordo_feed *feed, struct ordo_fail *fail) ORDO_MUST_USE;

/* Answers what was delivered, then ends the thread; accepts one that was never started. Nothing is
 * delivered any more. Blocks. */
void ordo_feed_stop(struct ordo_feed *feed);

/* Frees what the walk holds. After the stop. */
void ordo_feed_fini(struct ordo_feed *feed);

/* A request that is a service; false when as many wait as may: the caller keeps it. Ingress agent.
 */
bool ordo_feed_deliver(struct ordo_feed *feed, struct ordo_request *request) ORDO_MUST_USE;

/* The agent, for tests that step it. */
uint32_t ordo_feed_work(void *feed);

/* ---- answers: a whole reply in feed->reply ---- */

/* What an answer is made for. */
struct ordo_feed_ask {
    uint64_t request_id;
    uint64_t durable_seq;
    uint64_t time_us;
};

/* Reply head and result; a body follows when the code is OK. */
void ordo_feed_begin(
    const struct ordo_feed *feed,
    const struct ordo_feed_ask *ask,
    struct ordo_writer *out,
    uint16_t code);

/* A refusal with a text; the bytes to send. */
struct ordo_bytes ordo_feed_refuse(
    const struct ordo_feed *feed, const struct ordo_feed_ask *ask, uint16_t code, const char *text);

/* The journal could not be read: counted, logged, refused with a text that names the place. */
struct ordo_bytes ordo_feed_unreadable(struct ordo_feed *feed, const struct ordo_feed_ask *ask);

struct ordo_bytes ordo_feed_fetch(struct ordo_feed *feed, const struct ordo_feed_ask *ask);
struct ordo_bytes ordo_feed_history(struct ordo_feed *feed, const struct ordo_feed_ask *ask);
struct ordo_bytes ordo_feed_stats(struct ordo_feed *feed, const struct ordo_feed_ask *ask);

#endif
