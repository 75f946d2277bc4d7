/* tail.h - a connection to the status stream that is made again whenever it is lost: whole frames
 * as they come, nothing known of what is in them.
 *
 * Inside libordo only; one thread.
 */
#ifndef ORDO_NET_CLIENT_TAIL_H
#define ORDO_NET_CLIENT_TAIL_H

#include "base/clock.h"
#include "net/client/sp.h"

#define ORDO_TAIL_SILENCE_MS 2000 /* ten heartbeats: then it connects anew */

struct ordo_tail {
    struct ordo_sp sp;
    struct ordo_clock clock;
    uint64_t connect_ns; /* when to connect next, while closed */
    uint64_t pause_ns;
    uint64_t heard_ns; /* when the peer last said something */
    uint64_t connects;
    struct ordo_fail last_fail; /* why the last connection ended; .err is OK before */
};

/* Parses the URL; fini is owed on success. `tls` is for tls+tcp and may be NULL for others. */
enum ordo_err ordo_tail_init(
    struct ordo_tail *tail,
    const char *url,
    const struct ordo_tunnel_files *tls,
    struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_tail_fini(struct ordo_tail *tail);

/* One frame; points into the receive buffer. Anything but OK ends the round. */
typedef enum ordo_err ordo_on_frame(void *context, struct ordo_bytes frame, struct ordo_fail *fail);

/* One round without waiting: connects when it is time, hands over what has come. OK also without a
 * connection; INVALID when the peer does not speak the framing; else what on_frame has returned. */
enum ordo_err ordo_tail_work(
    struct ordo_tail *tail,
    uint64_t now_ns,
    ordo_on_frame *on_frame,
    void *context,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* When the next round is due even if the socket is silent. */
uint64_t ordo_tail_due_ns(const struct ordo_tail *tail);

/* Waits for the socket, at most until end_ns. Blocks in poll(2). */
void ordo_tail_wait(const struct ordo_tail *tail, uint64_t now_ns, uint64_t end_ns);

/* Blocks until the stream has greeted, at most timeout_ms; UNAVAILABLE or INVALID with the reason.
 */
enum ordo_err ordo_tail_connect(struct ordo_tail *tail, uint32_t timeout_ms, struct ordo_fail *fail)
    ORDO_MUST_USE;

#endif
