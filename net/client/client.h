/* client.h - requests of a client inside this project: batches of commands over one connection,
 * many in flight, each with an end: OK, a refusal with a code, or UNKNOWN.
 *
 * A client is used by one thread. Nothing blocks but the calls that say so. A request (one send) is
 * one frame of 1..ORDO_WIRE_COMMANDS_MAX commands with one callback when all of them have ended:
 *
 *   struct ordo_client_config config = {.url = "ipc:///run/ordo.sock", .on_answers = done};
 *   ordo_client_open(&config, &client, &fail);
 *   ordo_client_send(client, commands, count, my_request);    any number of times
 *   ordo_client_poll(client, 100);                            callbacks run in here
 *
 * How a command ends:
 *  - The server decided: its result, or a refusal that names why (the code is not OK).
 *  - The server had no room (BUSY) or was stopping: the client asks again, with the same id, after
 * a growing pause, never before the time that the server named. Other commands of the request keep
 * the results they have.
 *  - The connection was lost: the client connects again and resends what has no answer, with the
 *    same ids, so that a command that was decided before is not decided twice.
 *  - The patience of the request has passed: BUSY if it is certain that nothing was decided, else
 *    UNKNOWN. UNKNOWN is no failure: send the same command with the same id to learn what became of
 *    it.
 * Commands of one request are decided in their order, with one exception: one that was BUSY is
 * decided later than those behind it. What depends on the end of another command belongs into a
 * later request.
 *
 * A query has no id and is sent again as it is. A payment fact gets its id from its content, at the
 * server. Every other command has 16 bytes of id; one that has only zeros gets random ones.
 */
#ifndef ORDO_NET_CLIENT_CLIENT_H
#define ORDO_NET_CLIENT_CLIENT_H

#include "base/err.h"
#include "net/client/nng_tls.h"
#include "net/frame.h"
#include "net/service.h"
#include "order/schema.h"

#include <stdbool.h>
#include <stdint.h>

#define ORDO_CLIENT_REQUESTS_MAX      4096 /* in flight on one client */
#define ORDO_CLIENT_REQUESTS_STANDARD 1024
#define ORDO_CLIENT_PATIENCE_MS       30000
#define ORDO_CLIENT_SILENCE_MS        10000 /* a peer that says nothing that long is given up */
#define ORDO_CLIENTS_MAX              64    /* of one ordo_client_poll_many() */
#define ORDO_CLIENT_ENCODED_MAX       (ORDO_WIRE_REQUEST_MAX - 64) /* bytes of its commands */

struct ordo_client;

/* How one command ended. Points into memory of the client that is valid during the callback (or
 * until the next call, for ordo_client_call). */
struct ordo_answer {
    struct ordo_reply_item item; /* .result.code, .text of a refusal, .body of a query */
    struct ordo_bytes bytes;     /* the result as it came, msgpack; empty when none came */
};

/* Runs inside of poll. May send; may not poll, call or close. answers[i] belongs to the i-th
 * command of the request. */
typedef void
ordo_on_answers(void *context, void *user, const struct ordo_answer *answers, uint32_t count);

struct ordo_client_config {
    const char *url;              /* ipc:///path, tcp://host:port or tls+tcp://host:port */
    struct ordo_tunnel_files tls; /* for tls+tcp */
    uint32_t requests_max;        /* in flight; 0 = ORDO_CLIENT_REQUESTS_STANDARD */
    uint32_t patience_ms;         /* of each request; 0 = ORDO_CLIENT_PATIENCE_MS */
    uint32_t silence_ms; /* a peer that says nothing that long is given up; 0 = _SILENCE_MS */
    ordo_on_answers *on_answers;
    void *context;
};

/* Parses the URL; CONFIG or UNSUPPORTED when it is none. Connects in poll. */
enum ordo_err ordo_client_open(
    const struct ordo_client_config *config,
    struct ordo_client **out,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Requests in flight are dropped without a callback. */
void ordo_client_close(struct ordo_client *client);

/* Gives `user` of each request that has not ended to its owner; only close may follow. */
void ordo_client_drop(
    struct ordo_client *client, void (*drop)(void *context, void *user), void *context);

/* Blocks until the server has greeted, at most timeout_ms. UNAVAILABLE or INVALID with the reason
 * of the last try. Only a convenience: send and poll connect by themselves. */
enum ordo_err ordo_client_connect(
    struct ordo_client *client, uint32_t timeout_ms, struct ordo_fail *fail) ORDO_MUST_USE;

/* Puts 1..ORDO_WIRE_COMMANDS_MAX commands into one request; copies all it needs. Ids that are zero
 * are made and stored in commands[i].id. FULL when requests_max are in flight: poll first. LIMIT
 * when the frame would pass ORDO_WIRE_REQUEST_MAX. */
enum ordo_err ordo_client_send(
    struct ordo_client *client, struct ordo_command *commands, uint32_t count, void *user)
    ORDO_MUST_USE;

/* The same for who gathers commands by himself: encode writes one (and makes its id when it needs
 * one and has none), send_encoded takes `count` of them that lie one behind the other, sizes[i]
 * bytes each, at most ORDO_CLIENT_ENCODED_MAX in all. */
void ordo_client_encode(
    struct ordo_client *client, struct ordo_command *command, struct ordo_writer *out);
enum ordo_err ordo_client_send_encoded(
    struct ordo_client *client,
    struct ordo_bytes encoded,
    const uint32_t *sizes,
    uint32_t count,
    void *user) ORDO_MUST_USE;

/* Connects, sends, receives and runs callbacks; returns when a request has ended or timeout_ms have
 * passed. Returns how many ended. Blocks in poll(2) only. */
uint32_t ordo_client_poll(struct ordo_client *client, uint32_t timeout_ms);

/* The same for who has something to do at a time between two milliseconds; UINT64_MAX: no limit. */
uint32_t ordo_client_poll_ns(struct ordo_client *client, uint64_t timeout_ns);

/* Both for several clients of one thread; at most ORDO_CLIENTS_MAX. */
uint32_t
ordo_client_poll_many_ns(struct ordo_client *const *clients, uint32_t count, uint64_t timeout_ns);
uint32_t
ordo_client_poll_many(struct ordo_client *const *clients, uint32_t count, uint32_t timeout_ms);

/* One request and its answers, blocking at most timeout_ms; on_answers runs for other requests that
 * end meanwhile. Each answer has its own end, so this fails only like send. *answers has count
 * elements, valid until the next call of this client. */
enum ordo_err ordo_client_call(
    struct ordo_client *client,
    struct ordo_command *commands,
    uint32_t count,
    uint32_t timeout_ms,
    const struct ordo_answer **answers) ORDO_MUST_USE;

/* The same for a service (fetch, history, stats): always a request of its own, with one answer. */
enum ordo_err ordo_client_send_service(
    struct ordo_client *client, const struct ordo_service *service, void *user) ORDO_MUST_USE;
enum ordo_err ordo_client_call_service(
    struct ordo_client *client,
    const struct ordo_service *service,
    uint32_t timeout_ms,
    const struct ordo_answer **answer) ORDO_MUST_USE;

/* Requests that have no end yet. */
uint32_t ordo_client_in_flight(const struct ordo_client *client);

/* True while the server has greeted and the connection stands. */
bool ordo_client_is_connected(const struct ordo_client *client);

/* Why the last connection ended or was not made; .err is OK when nothing was wrong so far. */
const struct ordo_fail *ordo_client_last_fail(const struct ordo_client *client);

/* A random id that is not zero: getrandom(2), taken in blocks. */
void ordo_client_id(struct ordo_client *client, uint8_t id[ORDO_ID_SIZE]);

struct ordo_client_stats {
    uint64_t requests;
    uint64_t commands;
    uint64_t connects;
    uint64_t resends; /* requests sent again over a new connection */
    uint64_t busy;    /* commands that were BUSY, each time */
    uint64_t unknown; /* commands that ended UNKNOWN */
    uint64_t strange; /* replies that were no answer to anything open, or no frame */
};
void ordo_client_stats(const struct ordo_client *client, struct ordo_client_stats *stats);

#endif
