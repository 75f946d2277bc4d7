/* request.h - one request of a client: its frame, what of it has an answer, and when to ask again.
 *
 * Inside libordo only. A request is one allocation, made when it is sent and freed when it has
 * ended; answers that came before the last one are kept in a second one.
 */
#ifndef ORDO_NET_CLIENT_REQUEST_H
#define ORDO_NET_CLIENT_REQUEST_H

#include "net/client/client.h"
#include "net/client/sp.h"

enum ordo_request_phase {
    ORDO_REQUEST_QUEUED,  /* in the send queue, maybe half sent */
    ORDO_REQUEST_SENT,    /* waits for its reply */
    ORDO_REQUEST_WAITING, /* was BUSY; goes out again at retry_ns */
};

struct ordo_request_span {
    uint32_t offset; /* into kept */
    uint32_t size;   /* 0 = no answer yet */
};

struct ordo_request {
    struct ordo_request *next; /* send queue */
    struct ordo_request *older;
    struct ordo_request *newer; /* list of all, in the order of their sends */
    enum ordo_request_phase phase;
    uint32_t wire_id; /* with the high bit; also the frame's request_id without it */
    uint32_t count;   /* commands of the caller */
    uint32_t left;    /* commands in the frame: those without an answer */
    bool lost;        /* was sent over a connection that ended: it may have been decided */
    bool blocking;    /* of ordo_client_call */
    uint64_t deadline_ns;
    uint64_t retry_ns;
    uint64_t pause_ns; /* the last pause after BUSY */
    uint8_t node[16];  /* the journal that answered last */
    uint32_t retry_ms; /* the server's own wish, of the last reply; 0 = none */
    void *user;
    struct ordo_request_span *spans; /* count */
    uint32_t *sizes;                 /* left: bytes of each command in the frame */
    uint32_t *indexes;               /* left: whose command it is */
    uint8_t *bytes;                  /* frame_max bytes, behind them nothing */
    uint32_t commands_at;            /* offset of the first command in bytes */
    uint32_t begin;                  /* offset of the frame's first byte, prefix included */
    uint32_t end;
    uint32_t sent; /* of begin..end */
    uint8_t *kept;
    uint32_t kept_size;
    uint32_t kept_room;
};

/* Makes a request from commands that were written to `encoded`, one behind the other, sizes[i]
 * bytes each. NULL: out of memory. */
struct ordo_request *ordo_request_make(
    const struct ordo_sp *sp,
    uint32_t wire_id,
    struct ordo_bytes encoded,
    const uint32_t *sizes,
    uint32_t count);
void ordo_request_free(struct ordo_request *request);

/* Takes the results of a reply: keeps those that are decided, shrinks the frame to the others.
 * False when the reply is no answer to this request or memory is out: nothing is changed then.
 * `busy` is the number of commands that must be asked again. */
bool ordo_request_take(
    struct ordo_request *request,
    const struct ordo_sp *sp,
    struct ordo_bytes frame,
    uint32_t *busy);

/* Fills one answer for each command: from what was kept, else as `code` without bytes. */
void ordo_request_answers(
    const struct ordo_request *request, uint16_t code, struct ordo_answer *answers);

#endif
