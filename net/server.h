/* server.h - the edge of a node: requests in, results out, the status stream, nothing of it inside
 * the engine.
 *
 * Doors own sockets and hand over whole request frames; the ingress agent decodes them into
 * commands and stages them; the reply agent (behind durable) encodes results and answers when a
 * request's last slot has passed; the publish agent (behind durable) sends updates and heartbeats.
 * nng and msgpack stop in this folder.
 */
#ifndef ORDO_NET_SERVER_H
#define ORDO_NET_SERVER_H

#include "base/err.h"
#include "net/polled_door.h"
#include "net/tls.h"
#include "pipeline/ingress.h"
#include "ring/runner.h"
#include "ring/stage.h"

#define ORDO_SERVER_URLS_MAX 8

struct ordo_server;

struct ordo_server_listen {
    const char *url; /* of nng: ipc:///path, tcp://127.0.0.1:port, tls+tcp://host:port */
    enum ordo_door_role role;
};

/* Which door takes ipc and tcp; everything else is nng's. */
enum ordo_polled_use {
    ORDO_POLLED_AUTO, /* the polled one, where the kernel has an io_uring for us */
    ORDO_POLLED_ON,   /* the polled one, or UNAVAILABLE */
    ORDO_POLLED_OFF,  /* nng's */
};

struct ordo_server_config {
    struct ordo_server_listen listen[ORDO_SERVER_URLS_MAX];
    uint32_t listen_count;
    const char *publish[ORDO_SERVER_URLS_MAX];
    uint32_t publish_count;
    struct ordo_tls_files tls; /* for addresses of tls+tcp; publish takes the CA of subscribers */
    enum ordo_polled_use use_polled;
    struct ordo_polled_config polled;
    uint32_t requests_max;     /* in flight over all clients; 0 = the default, 4096 */
    uint32_t request_size_max; /* bytes of one request frame; 0 = the default, 1 MiB */
    uint32_t heartbeat_ms;     /* 0 = the default, 200 */
    uint64_t queue_bytes;      /* of request frames that may wait; 0 = the default, 64 MiB */
    uint32_t wait_ms[3];       /* facts, queries, others: how long; 0 = the default (shed.h) */
    uint64_t throttle_rate;    /* commands a second at most; 0 = no limit */
    uint32_t throttle_share;   /* percent of the time in which requests are taken; 0 = no limit */
    uint32_t recent_updates;   /* kept in memory for fetch; 0 = the default, 262,144 */
    const char *data; /* the journal's folder, for what is older, and for histories; NULL = none */
    uint8_t node[16]; /* in the heartbeat: which journal this stream belongs to */
};

/* Binds every URL, so that a port in use or a bad URL is known before traffic: UNAVAILABLE or
 * CONFIG, naming the URL. No request is received yet. Starter thread. */
enum ordo_err ordo_server_open(
    const struct ordo_server_config *config,
    struct ordo_server **out,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Before traffic: the producer's port, the two stages behind durable, and the waker of the ingress
 * thread (signalled by nng's threads when a request has come; with a polled door it sleeps in that
 * one's ring from now on). update_seq and stream_hash: as of
 * the recovered end. */
void ordo_server_attach(
    struct ordo_server *server,
    struct ordo_ingress *ingress,
    struct ordo_stage *reply,
    struct ordo_stage *publish,
    struct ordo_waker *ingress_waker,
    uint64_t update_seq,
    const uint8_t stream_hash[16]);

struct ordo_agent ordo_server_ingress_agent(struct ordo_server *server);
struct ordo_agent ordo_server_reply_agent(struct ordo_server *server);
struct ordo_agent ordo_server_publish_agent(struct ordo_server *server);

/* Numbers that the program adds to those of `stats`: calls add with `to` for each. The feed's
 * thread. */
typedef void
ordo_stats_more(void *context, void (*add)(void *to, const char *name, uint64_t value), void *to);

/* Before the start. */
void ordo_server_add_stats(struct ordo_server *server, ordo_stats_more *more, void *context);

/* Begins to receive. Starter thread, after the runners were started. Errors as ordo_thread_start:
 * nothing was started then. */
enum ordo_err ordo_server_start(struct ordo_server *server, struct ordo_fail *fail) ORDO_MUST_USE;

/* From now on a request gets SHUTTING_DOWN; those that wait are decided and answered while the
 * runners drain, then the ingress agent stops the doors. Any thread; does not block. */
void ordo_server_stop(struct ordo_server *server);

/* After the runners have ended: closes the sockets and frees everything. Blocks until nng's
 * callbacks are done. */
void ordo_server_close(struct ordo_server *server);

struct ordo_server_stats {
    uint64_t requests;
    uint64_t commands;
    uint64_t malformed;
    uint64_t busy;    /* commands refused with BUSY */
    uint64_t shed[3]; /* requests refused whole with BUSY: facts, queries, others */
    uint64_t replies;
    uint64_t replies_failed;
    uint64_t connections; /* accepted by the polled door */
    uint64_t connections_refused;
    uint64_t connections_cut;
    uint64_t updates_published;
    uint64_t frames_published;
};
/* Any thread; each number is a snapshot of its own. */
void ordo_server_stats(const struct ordo_server *server, struct ordo_server_stats *stats);

#endif
