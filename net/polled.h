/* polled.h - the inside of the polled door: listeners, peers (its connections), requests. Included
 * by polled_*.c only.
 *
 *   accept ─▶ peer ─receive─▶ buffer ─serve─▶ request ─deliver─▶ the server
 *                                                │                   │ reply
 *                   peer's output ─send─▶ ◀──────┴───────────────────┘
 *
 * A peer is in one of two queues or in none: `ready` (there may be a whole message), `waiting`
 * (there is one, and no request number or no memory for it). In `dirty` it has output that is not
 * being sent. All of it is the door's thread's, but `answers` and the store of replies.
 */
#ifndef ORDO_NET_POLLED_H
#define ORDO_NET_POLLED_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/uring.h"
#include "net/address.h"
#include "net/inbox.h"
#include "net/polled_door.h"
#include "net/pool.h"
#include "ring/wait.h"

#include <pthread.h>

#define ORDO_PEER_BUFFER    32768u     /* bytes received and not yet taken */
#define ORDO_PEER_UNSENT    (1u << 18) /* more than this unsent: not read from any more */
#define ORDO_PEER_STACK_MAX 36u        /* bytes: eight hops and an id */
#define ORDO_POLLED_URLS    8u

struct ordo_polled_door;

/* Bytes on their way out; in a block of the store. */
struct ordo_output {
    struct ordo_output *next;
    uint32_t size; /* of data */
    uint32_t filled;
    uint32_t sent;
    uint8_t data[];
};

struct ordo_polled_listener {
    struct ordo_polled_door *door;
    struct ordo_uring_op accept;
    char url[ORDO_URL_SIZE];
    enum ordo_door_role role;
    int fd;
    bool is_ipc;
    bool armed;        /* an accept is in the ring */
    bool once;         /* the kernel has no multishot accept */
    uint64_t again_ns; /* descriptors were short: not before this */
    struct ordo_peer *peers;
    struct ordo_peer *free;
};

struct ordo_peer_queue {
    struct ordo_peer *first;
    struct ordo_peer *last;
    uint32_t count;
};

struct ordo_peer {
    struct ordo_polled_listener *listener;
    struct ordo_uring_op receive;
    struct ordo_uring_op send;
    struct ordo_peer *next; /* in a queue, or in the listener's free list */
    struct ordo_peer *next_dirty;
    uint32_t generation; /* of the connection; a request of an earlier one is nobody's */
    int fd;              /* -1: free */
    bool is_ipc;
    bool greeted;
    bool receiving;
    bool sending;
    bool queued;
    bool dirty;
    bool closing;
    bool ended;           /* the other side sends no more */
    bool nonempty;        /* the last receive left something */
    uint32_t outstanding; /* requests delivered and not answered */
    uint64_t limit_ns;    /* what has begun must be whole by then; 0 = nothing has */

    /* received: buffer[start..end), or the part of a message that is larger than the buffer */
    uint8_t *buffer;
    uint32_t start;
    uint32_t end;
    uint8_t *message;
    uint32_t message_have;
    uint32_t message_size;

    /* on its way out */
    struct ordo_output *output;
    struct ordo_output *output_last;
    uint64_t unsent;
    uint64_t progress_ns; /* when unsent last shrank, or became more than nothing */
};

struct ordo_polled_request {
    struct ordo_inbox_item item; /* in `answers`, with `reply` */
    struct ordo_polled_request *next_free;
    struct ordo_peer *peer;
    uint32_t generation;
    uint32_t stack_size;
    bool is_ipc;
    uint8_t *message; /* the stack, then the frame; NULL when the number is free */
    struct ordo_output *reply;
};

struct ordo_polled_door {
    struct ordo_door_host host;
    struct ordo_polled_config config;
    struct ordo_arena arena;
    struct ordo_clock clock;
    struct ordo_uring *ring;
    struct ordo_waker *waker; /* of the thread that calls work; may be NULL */
    struct ordo_flag starting;
    struct ordo_flag stopping;
    bool stopped; /* the thread has seen it */

    struct ordo_polled_listener listeners[ORDO_POLLED_URLS];
    uint32_t listener_count;
    struct ordo_peer_queue ready;
    struct ordo_peer_queue waiting;
    struct ordo_peer *dirty;

    struct ordo_polled_request *requests;
    struct ordo_polled_request *free_requests;
    uint32_t free_count;
    struct ordo_inbox answers; /* replies that other threads gave */
    bool freed;                /* a number or memory, since peers last began to wait */
    uint32_t outstanding;
    uint64_t unsent;

    struct ordo_pool frames;
    size_t partial; /* bytes of large messages that are not whole, as they will be */
    struct ordo_pool replies;
    pthread_mutex_t replies_lock;

    uint64_t now_ns; /* of this cycle */
    uint64_t scan_ns;
    bool timed;        /* some limit runs: scan_ns is due */
    uint64_t files_ns; /* when to look after the files of ipc */
    uint64_t stop_ns;
    uint64_t progress_ns; /* anybody's */

    struct ordo_counter sent;
    struct ordo_counter failed;
    struct ordo_counter accepted;
    struct ordo_counter refused; /* connections: over the cap */
    struct ordo_counter cut;     /* connections: over a limit or no SP */
};

/* ---- polled_peer.c ---- */

/* A connection has come. Takes the descriptor over. */
void ordo_peer_open(struct ordo_polled_listener *listener, int fd);

/* Breaks the connection off; its slot is free when nothing of it is in the ring or a queue. */
void ordo_peer_close(struct ordo_peer *peer);

/* Frees the slot if that is possible by now. */
void ordo_peer_finish(struct ordo_peer *peer);

/* There may be something to take, or room to receive. */
void ordo_peer_is_ready(struct ordo_peer *peer);

/* Takes whole messages, not too many, and receives on. */
void ordo_peer_serve(struct ordo_peer *peer);

/* A limit begins to run. */
void ordo_peer_limit(struct ordo_polled_door *door);

/* ---- polled_send.c ---- */

/* Bytes behind the others of the peer; false when the store is full. */
bool ordo_peer_put(struct ordo_peer *peer, const uint8_t *data, size_t size);

/* The port's reply. Any thread. */
void ordo_polled_reply(void *door, uint32_t number, struct ordo_bytes bytes);

/* Takes the replies of other threads over: how many. */
uint32_t ordo_polled_take_answers(struct ordo_polled_door *door);

/* Begins to send what is not being sent. */
void ordo_polled_send(struct ordo_polled_door *door);
void ordo_peer_on_send(void *peer, int32_t result, uint32_t flags);

/* Gives back what was not sent. */
void ordo_peer_drop_output(struct ordo_peer *peer);

/* ---- polled_listen.c ---- */

enum ordo_err ordo_polled_listen(
    void *door, enum ordo_door_role role, const char *url, struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_polled_accept(struct ordo_polled_door *door);
void ordo_polled_refuse(struct ordo_polled_door *door);

/* Binds the ipc addresses again whose files are gone. */
void ordo_polled_look_after_files(struct ordo_polled_door *door);
void ordo_polled_listeners_close(struct ordo_polled_door *door);

#endif
