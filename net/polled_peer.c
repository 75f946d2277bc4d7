#include "net/polled.h"

#include "base/assert.h"
#include "base/canary.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What comes in. Bytes are received into the peer's buffer; whole messages are copied out of it
 * into a block of the store, where they stay until the reply. A message that is larger than the
 * buffer moves into a block when the buffer is full of it, and is received there; the block doubles
 * when it is full. So a length that was only announced costs nothing, and memory follows the bytes
 * that have arrived. Messages that are not whole have at most half of the store: whole small ones
 * always get through, and large ones wait for each other, for they end or run into their limit.
 *
 * A peer is served in turns, a few messages each. What it lacks decides where it goes:
 *   more bytes            a receive
 *   a number, memory      `waiting`, first come, first served; its time limit stands still
 *   room for its replies  nowhere: its next completed send makes it ready
 */

#define TURN_MESSAGES 32u
#define STACK_WORD    4u
#define PROTOCOL_REQ  0x30
#define PROTOCOL_REP  0x31

enum step {
    STEP_TAKEN,
    STEP_INCOMPLETE,
    STEP_WAITS,
    STEP_CHOKED,
    STEP_BROKEN,
};

static const uint8_t greeting_of_req[8] = {0, 'S', 'P', 0, 0, PROTOCOL_REQ, 0, 0};
static const uint8_t greeting_of_rep[8] = {0, 'S', 'P', 0, 0, PROTOCOL_REP, 0, 0};

static void push(struct ordo_peer_queue *queue, struct ordo_peer *peer)
{
    ORDO_ASSERT(!peer->queued);
    peer->queued = true;
    peer->next = NULL;
    *(queue->first == NULL ? &queue->first : &queue->last->next) = peer;
    queue->last = peer;
    queue->count++;
}

void ordo_peer_is_ready(struct ordo_peer *peer)
{
    if (!peer->queued && !peer->closing) {
        push(&peer->listener->door->ready, peer);
    }
}

void ordo_peer_limit(struct ordo_polled_door *door)
{
    if (!door->timed) {
        door->timed = true;
        door->scan_ns = door->now_ns;
    }
}

static void begin_limit(struct ordo_peer *peer)
{
    struct ordo_polled_door *door = peer->listener->door;
    peer->limit_ns = door->now_ns + (uint64_t)door->config.message_ms * ORDO_NS_PER_MS;
    ordo_peer_limit(door);
}

static void on_receive(void *self, int32_t result, uint32_t flags)
{
    struct ordo_peer *peer = self;
    peer->receiving = false;
    if (peer->closing) {
        ordo_peer_finish(peer);
        return;
    }
    if (result < 0 && result != -EINTR && result != -EAGAIN) {
        ordo_peer_close(peer);
        return;
    }
    peer->nonempty = (flags & ORDO_URING_NONEMPTY) != 0;
    peer->ended = result == 0;
    uint32_t size = result > 0 ? (uint32_t)result : 0;
    *(peer->message != NULL ? &peer->message_have : &peer->end) += size;
    ordo_peer_is_ready(peer);
}

static void receive(struct ordo_peer *peer)
{
    struct ordo_polled_door *door = peer->listener->door;
    if (peer->receiving || peer->closing || peer->ended || door->stopped) {
        return;
    }
    uint8_t *target;
    size_t room;
    if (peer->message != NULL) {
        size_t block = ordo_pool_size(&door->frames, peer->message);
        size_t most = block < peer->message_size ? block : peer->message_size;
        target = peer->message + peer->message_have;
        room = most - peer->message_have;
    } else {
        if (peer->start > 0) {
            memmove(peer->buffer, peer->buffer + peer->start, peer->end - peer->start);
            peer->end -= peer->start;
            peer->start = 0;
        }
        target = peer->buffer + peer->end;
        room = ORDO_PEER_BUFFER - peer->end;
    }
    ORDO_ASSERT(room > 0);
    peer->receiving = ordo_uring_receive(
        door->ring, peer->fd, target, (uint32_t)room, !peer->nonempty, &peer->receive);
    if (!peer->receiving) {
        ordo_peer_is_ready(peer); /* the queue is stuck: again in the next cycle */
    }
}

/* ---- messages ---- */

static uint64_t read_size(const uint8_t *p)
{
    uint64_t size = 0;
    for (int i = 0; i < 8; i++) {
        size = size << 8 | p[i];
    }
    return size;
}

static enum step take_greeting(struct ordo_peer *peer)
{
    if (peer->end - peer->start < sizeof(greeting_of_req)) {
        return STEP_INCOMPLETE;
    }
    if (memcmp(peer->buffer + peer->start, greeting_of_req, sizeof(greeting_of_req)) != 0) {
        return STEP_BROKEN;
    }
    peer->start += sizeof(greeting_of_req);
    peer->greeted = true;
    return STEP_TAKEN;
}

/* Bytes of the hops and the id before the frame; 0: there is no id; more than the maximum: too many
 * hops. */
static uint32_t measure_stack(const uint8_t *message, uint32_t size)
{
    uint32_t at = 0;
    while (at + STACK_WORD <= size && at < ORDO_PEER_STACK_MAX) {
        at += STACK_WORD;
        if ((message[at - STACK_WORD] & 0x80) != 0) {
            return at;
        }
    }
    return at < ORDO_PEER_STACK_MAX ? 0 : ORDO_PEER_STACK_MAX + 1;
}

/* Delivers a whole message; `block` holds it, or NULL: it lies in the buffer. */
static enum step
deliver(struct ordo_peer *peer, uint8_t *block, const uint8_t *message, uint32_t size)
{
    struct ordo_polled_door *door = peer->listener->door;
    struct ordo_polled_request *request = door->free_requests;
    uint32_t stack_size = measure_stack(message, size);
    if (stack_size == 0) {
        return STEP_BROKEN;
    }
    if (stack_size > ORDO_PEER_STACK_MAX) {
        if (block != NULL) {
            ordo_pool_give(&door->frames, block);
        }
        return STEP_TAKEN; /* dropped, as nng does: whoever sent it may have sound ones, too */
    }
    if (request == NULL) {
        return STEP_WAITS;
    }
    if (block == NULL) {
        block = ordo_pool_take(&door->frames, size);
        if (block == NULL) {
            return STEP_WAITS;
        }
        memcpy(block, message, size);
    }
    door->free_requests = request->next_free;
    door->free_count--;
    ORDO_ASSERT(request->message == NULL);
    request->peer = peer;
    request->generation = peer->generation;
    request->is_ipc = peer->is_ipc;
    request->stack_size = stack_size;
    request->message = block;
    peer->outstanding++;
    door->outstanding++;
    struct ordo_bytes frame = {block + stack_size, size - stack_size};
    uint32_t number = (uint32_t)(request - door->requests);
    door->host.deliver(door->host.self, number, peer->listener->role, frame);
    return STEP_TAKEN;
}

/* A larger block for the message, with what there is of it. */
static enum step grow(struct ordo_peer *peer, const uint8_t *have, uint32_t have_size)
{
    struct ordo_polled_door *door = peer->listener->door;
    size_t size = 2 * (size_t)have_size;
    size = size < peer->message_size ? size : peer->message_size;
    if (peer->message == NULL && door->partial + peer->message_size > door->frames.size / 2) {
        return STEP_WAITS;
    }
    uint8_t *block = ordo_pool_take(&door->frames, size);
    if (block == NULL) {
        return STEP_WAITS;
    }
    memcpy(block, have, have_size);
    if (peer->message == NULL) {
        door->partial += peer->message_size;
    } else {
        ordo_pool_give(&door->frames, peer->message);
    }
    peer->message = block;
    peer->message_have = have_size;
    return STEP_INCOMPLETE;
}

static enum step take_large(struct ordo_peer *peer)
{
    struct ordo_polled_door *door = peer->listener->door;
    if (peer->message_have < peer->message_size) {
        bool full = peer->message_have == ordo_pool_size(&door->frames, peer->message);
        return full ? grow(peer, peer->message, peer->message_have) : STEP_INCOMPLETE;
    }
    enum step step = deliver(peer, peer->message, peer->message, peer->message_size);
    if (step == STEP_TAKEN) {
        door->partial -= peer->message_size;
        door->freed = true;
        peer->message = NULL;
    }
    return step;
}

static enum step take_message(struct ordo_peer *peer)
{
    struct ordo_polled_door *door = peer->listener->door;
    if (peer->unsent > ORDO_PEER_UNSENT) {
        return STEP_CHOKED;
    }
    if (!peer->greeted) {
        return take_greeting(peer);
    }
    if (peer->message != NULL) {
        return take_large(peer);
    }
    const uint8_t *head = peer->buffer + peer->start;
    uint32_t head_size = peer->is_ipc ? 9 : 8;
    uint32_t have = peer->end - peer->start;
    if (have < head_size) {
        return STEP_INCOMPLETE;
    }
    uint64_t size = read_size(head + head_size - 8);
    if ((peer->is_ipc && head[0] != 1) || size < STACK_WORD ||
        (size > door->host.size_max && !ORDO_CANARY(receive_limit_unset))) {
        return STEP_BROKEN;
    }
    have -= head_size;
    if (have >= size) {
        enum step step = deliver(peer, NULL, head + head_size, (uint32_t)size);
        peer->start += step == STEP_TAKEN ? head_size + (uint32_t)size : 0;
        return step;
    }
    if (head_size + size <= ORDO_PEER_BUFFER || head_size + have < ORDO_PEER_BUFFER) {
        return STEP_INCOMPLETE;
    }
    peer->message_size = (uint32_t)size;
    enum step step = grow(peer, head + head_size, have);
    if (step == STEP_INCOMPLETE) {
        peer->start = 0;
        peer->end = 0;
    }
    return step;
}

/* The limit of a message runs while the door waits for its bytes, from its first one. */
static void set_limit(struct ordo_peer *peer, bool taken)
{
    bool begun = !peer->greeted || peer->message != NULL || peer->end > peer->start;
    if (!begun) {
        peer->limit_ns = 0;
    } else if (taken || peer->limit_ns == 0) {
        begin_limit(peer);
    }
}

void ordo_peer_serve(struct ordo_peer *peer)
{
    struct ordo_polled_door *door = peer->listener->door;
    enum step step = STEP_TAKEN;
    uint32_t count = 0;
    if (door->stopped) {
        return;
    }
    /* When numbers are short, those who want one share them. */
    uint32_t share = door->free_count / (door->ready.count + 1);
    uint32_t most = share < TURN_MESSAGES ? share : TURN_MESSAGES;
    most = most == 0 ? 1 : most;
    while (step == STEP_TAKEN && count < most) {
        step = take_message(peer);
        count += step == STEP_TAKEN;
    }
    switch (step) {
    case STEP_TAKEN:
        ordo_peer_is_ready(peer);
        break;
    case STEP_INCOMPLETE:
        if (peer->ended && peer->outstanding == 0 && peer->unsent == 0) {
            ordo_peer_close(peer);
            break;
        }
        set_limit(peer, count != 0);
        receive(peer);
        break;
    case STEP_WAITS:
        peer->limit_ns = 0;
        push(&door->waiting, peer);
        break;
    case STEP_CHOKED:
        peer->limit_ns = 0;
        break;
    case STEP_BROKEN:
        ordo_counter_add(&door->cut, 1);
        ordo_peer_close(peer);
        break;
    }
}

/* ---- life ---- */

void ordo_peer_open(struct ordo_polled_listener *listener, int fd)
{
    struct ordo_polled_door *door = listener->door;
    struct ordo_peer *peer = listener->free;
    if (peer == NULL || door->stopped) {
        ordo_counter_add(&door->refused, 1);
        (void)close(fd);
        return;
    }
    listener->free = peer->next;
    ORDO_ASSERT(peer->fd < 0);
    *peer = (struct ordo_peer){
        .listener = listener,
        .receive = {on_receive, peer},
        .send = {ordo_peer_on_send, peer},
        .generation = peer->generation,
        .fd = fd,
        .is_ipc = listener->is_ipc,
        .buffer = peer->buffer,
    };
    ordo_counter_add(&door->accepted, 1);
    begin_limit(peer);
    if (!ordo_peer_put(peer, greeting_of_rep, sizeof(greeting_of_rep))) {
        ordo_peer_close(peer);
        return;
    }
    receive(peer);
}

void ordo_peer_close(struct ordo_peer *peer)
{
    if (peer->closing) {
        return;
    }
    peer->closing = true;
    /* What is in the ring ends with this; the descriptor must live until it has. */
    (void)shutdown(peer->fd, SHUT_RDWR);
    ordo_peer_finish(peer);
}

void ordo_peer_finish(struct ordo_peer *peer)
{
    struct ordo_polled_door *door = peer->listener->door;
    if (!peer->closing || peer->receiving || peer->sending || peer->queued || peer->dirty) {
        return;
    }
    if (peer->message != NULL) {
        door->partial -= peer->message_size;
        door->freed = true;
        ordo_pool_give(&door->frames, peer->message);
        peer->message = NULL;
    }
    ordo_peer_drop_output(peer);
    (void)close(peer->fd);
    peer->fd = -1;
    peer->closing = false;
    peer->generation++;
    peer->next = peer->listener->free;
    peer->listener->free = peer;
}
