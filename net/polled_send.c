#include "net/polled.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

/* What goes out. A peer has one send in the ring at a time, of the first block of its output; what
 * is put meanwhile lies behind it, mostly in the same block, and goes with the next one. So replies
 * that are ready together leave together.
 *
 * A reply of the door's own thread is copied straight behind the peer's output. Another thread
 * copies it, framed, into blocks of its own and pushes the request; the door's thread only links
 * them. The queue is bounded because each request exists once, the memory by the store. A reply
 * that finds the store full breaks its connection: its reader was too slow, and what he does not
 * know he asks again. That must not hit the others: nobody may have more unsent than the store has
 * free, so each of n greedy ones gets an (n+1)th of it, and as much is left for the small replies
 * of everybody else. */

#define BLOCK_SMALL 4096u
#define BLOCK_MAX   65536u
#define HEAD_MAX    9u

static struct ordo_output *take_block(struct ordo_polled_door *door, size_t size)
{
    (void)pthread_mutex_lock(&door->replies_lock);
    struct ordo_output *block = ordo_pool_take(&door->replies, size < BLOCK_MAX ? size : BLOCK_MAX);
    size_t room = block != NULL ? ordo_pool_size(&door->replies, block) : 0;
    (void)pthread_mutex_unlock(&door->replies_lock);
    if (block != NULL) {
        *block = (struct ordo_output){.size = (uint32_t)(room - sizeof(*block))};
    }
    return block;
}

static void give_chain(struct ordo_polled_door *door, struct ordo_output *block)
{
    (void)pthread_mutex_lock(&door->replies_lock);
    while (block != NULL) {
        struct ordo_output *next = block->next;
        ordo_pool_give(&door->replies, block);
        block = next;
    }
    (void)pthread_mutex_unlock(&door->replies_lock);
}

/* Whether somebody may have so many bytes unsent at this moment. */
static bool may_hold(struct ordo_polled_door *door, uint64_t size)
{
    (void)pthread_mutex_lock(&door->replies_lock);
    size_t left = door->replies.size - door->replies.used;
    (void)pthread_mutex_unlock(&door->replies_lock);
    return size <= left;
}

/* Copies behind *last, taking blocks of at least `least` bytes; *first is the first one. */
static bool
put(struct ordo_polled_door *door,
    struct ordo_output **first,
    struct ordo_output **last,
    struct ordo_bytes bytes,
    size_t least)
{
    while (bytes.size > 0) {
        struct ordo_output *block = *last;
        if (block == NULL || block->filled == block->size) {
            size_t wanted = bytes.size + sizeof(*block);
            block = take_block(door, wanted < least ? least : wanted);
            if (block == NULL) {
                return false;
            }
            *(*last == NULL ? first : &(*last)->next) = block;
            *last = block;
        }
        uint32_t room = block->size - block->filled;
        uint32_t part = bytes.size < room ? bytes.size : room;
        memcpy(block->data + block->filled, bytes.data, part);
        block->filled += part;
        bytes.data += part;
        bytes.size -= part;
    }
    return true;
}

static void mark_dirty(struct ordo_peer *peer)
{
    struct ordo_polled_door *door = peer->listener->door;
    if (!peer->dirty) {
        peer->dirty = true;
        peer->next_dirty = door->dirty;
        door->dirty = peer;
    }
}

static void add_unsent(struct ordo_peer *peer, size_t size)
{
    struct ordo_polled_door *door = peer->listener->door;
    if (peer->unsent == 0) {
        peer->progress_ns = door->now_ns;
        ordo_peer_limit(door);
    }
    peer->unsent += size;
    door->unsent += size;
    mark_dirty(peer);
}

bool ordo_peer_put(struct ordo_peer *peer, const uint8_t *data, size_t size)
{
    ORDO_ASSERT(!peer->closing);
    struct ordo_bytes bytes = {data, (uint32_t)size};
    if (!put(peer->listener->door, &peer->output, &peer->output_last, bytes, BLOCK_SMALL)) {
        return false;
    }
    add_unsent(peer, size);
    return true;
}

/* The bytes before a message. */
static uint32_t write_head(uint8_t head[HEAD_MAX], bool is_ipc, uint64_t size)
{
    uint32_t at = 0;
    if (is_ipc) {
        head[at++] = 1;
    }
    for (int shift = 56; shift >= 0; shift -= 8) {
        head[at++] = (uint8_t)(size >> shift);
    }
    return at;
}

/* The number and the frame's memory are the door's again; the peer, or NULL when it has gone. */
static struct ordo_peer *release(struct ordo_polled_door *door, struct ordo_polled_request *request)
{
    struct ordo_peer *peer = request->peer;
    ORDO_ASSERT(request->message != NULL);
    ORDO_ASSERT(door->outstanding > 0);
    ordo_pool_give(&door->frames, request->message);
    request->message = NULL;
    request->next_free = door->free_requests;
    door->free_requests = request;
    door->free_count++;
    door->freed = true;
    door->outstanding--;
    if (peer->generation != request->generation) {
        return NULL;
    }
    ORDO_ASSERT(peer->outstanding > 0);
    peer->outstanding--;
    return peer->closing ? NULL : peer;
}

/* After a reply was put, or not. */
static void note_reply(struct ordo_polled_door *door, struct ordo_peer *peer, bool good)
{
    ordo_counter_add(good ? &door->sent : &door->failed, 1);
    if (!good && peer != NULL) {
        ordo_peer_close(peer);
    }
}

static void reply_here(
    struct ordo_polled_door *door, struct ordo_polled_request *request, struct ordo_bytes bytes)
{
    uint8_t head[HEAD_MAX + ORDO_PEER_STACK_MAX];
    uint32_t size = write_head(head, request->is_ipc, (uint64_t)request->stack_size + bytes.size);
    memcpy(head + size, request->message, request->stack_size);
    size += request->stack_size;
    struct ordo_peer *peer = release(door, request);
    bool good = peer != NULL && may_hold(door, peer->unsent + size + bytes.size) &&
                ordo_peer_put(peer, head, size) && ordo_peer_put(peer, bytes.data, bytes.size);
    note_reply(door, peer, good);
}

static void reply_there(
    struct ordo_polled_door *door, struct ordo_polled_request *request, struct ordo_bytes bytes)
{
    uint8_t head[HEAD_MAX + ORDO_PEER_STACK_MAX];
    uint32_t size = write_head(head, request->is_ipc, (uint64_t)request->stack_size + bytes.size);
    memcpy(head + size, request->message, request->stack_size);
    size += request->stack_size;
    struct ordo_output *last = NULL;
    size_t least = size + bytes.size + sizeof(struct ordo_output);
    request->reply = NULL;
    bool good = may_hold(door, least) &&
                put(door, &request->reply, &last, (struct ordo_bytes){head, size}, least) &&
                put(door, &request->reply, &last, bytes, 0);
    if (!good) {
        give_chain(door, request->reply);
        request->reply = NULL;
    }
    ordo_inbox_push(&door->answers, &request->item);
    if (door->waker != NULL) {
        ordo_waker_signal(door->waker);
    }
}

void ordo_polled_reply(void *self, uint32_t number, struct ordo_bytes bytes)
{
    struct ordo_polled_door *door = self;
    ORDO_ASSERT(number < door->host.request_count);
    struct ordo_polled_request *request = &door->requests[number];
    ORDO_ASSERT(request->message != NULL);
    if (ordo_uring_is_mine(door->ring)) {
        reply_here(door, request, bytes);
    } else {
        reply_there(door, request, bytes);
    }
}

/* Links the blocks behind the peer's output. */
static void take_answer(struct ordo_polled_door *door, struct ordo_polled_request *request)
{
    struct ordo_output *reply = request->reply;
    struct ordo_peer *peer = release(door, request);
    if (reply == NULL || peer == NULL) {
        give_chain(door, reply);
        note_reply(door, peer, false);
        return;
    }
    size_t size = 0;
    struct ordo_output *last = reply;
    for (struct ordo_output *block = reply; block != NULL; block = block->next) {
        size += block->filled;
        last = block;
    }
    if (peer->unsent != 0 && !may_hold(door, peer->unsent + size)) {
        give_chain(door, reply);
        note_reply(door, peer, false);
        return;
    }
    *(peer->output_last == NULL ? &peer->output : &peer->output_last->next) = reply;
    peer->output_last = last;
    add_unsent(peer, size);
    note_reply(door, peer, true);
}

uint32_t ordo_polled_take_answers(struct ordo_polled_door *door)
{
    uint32_t count = 0;
    struct ordo_inbox_item *item = ordo_inbox_take(&door->answers);
    while (item != NULL) {
        struct ordo_polled_request *request = (struct ordo_polled_request *)item;
        item = item->next;
        take_answer(door, request);
        count++;
    }
    return count;
}

/* The first block with something to send; those before it were sent. */
static struct ordo_output *next_block(struct ordo_peer *peer)
{
    struct ordo_output *block = peer->output;
    while (block->sent == block->filled && block->next != NULL) {
        peer->output = block->next;
        block->next = NULL;
        give_chain(peer->listener->door, block);
        block = peer->output;
    }
    ORDO_ASSERT(block->sent < block->filled);
    return block;
}

void ordo_polled_send(struct ordo_polled_door *door)
{
    struct ordo_peer *peer = door->dirty;
    struct ordo_peer *again = NULL;
    while (peer != NULL) {
        struct ordo_peer *next = peer->next_dirty;
        bool stuck = false;
        if (!peer->closing && !peer->sending && peer->unsent > 0) {
            struct ordo_output *block = next_block(peer);
            peer->sending = ordo_uring_send(
                door->ring,
                peer->fd,
                block->data + block->sent,
                block->filled - block->sent,
                &peer->send);
            stuck = !peer->sending;
        }
        if (stuck) {
            peer->next_dirty = again;
            again = peer;
        } else {
            peer->dirty = false;
            ordo_peer_finish(peer);
        }
        peer = next;
    }
    door->dirty = again;
}

/* Keeps a small empty block for the next reply. */
static void note_sent(struct ordo_peer *peer, uint32_t size)
{
    struct ordo_polled_door *door = peer->listener->door;
    struct ordo_output *block = peer->output;
    ORDO_ASSERT(size <= block->filled - block->sent);
    ORDO_ASSERT(size <= peer->unsent);
    block->sent += size;
    peer->unsent -= size;
    door->unsent -= size;
    peer->progress_ns = door->now_ns;
    door->progress_ns = door->now_ns;
    if (peer->unsent != 0) {
        return;
    }
    if (block->size <= BLOCK_SMALL) {
        block->filled = 0;
        block->sent = 0;
    } else {
        ordo_peer_drop_output(peer);
    }
}

void ordo_peer_on_send(void *self, int32_t result, uint32_t flags)
{
    struct ordo_peer *peer = self;
    (void)flags;
    peer->sending = false;
    if (peer->closing) {
        ordo_peer_finish(peer);
        return;
    }
    if (result < 0 && result != -EINTR && result != -EAGAIN) {
        ordo_counter_add(&peer->listener->door->failed, 1);
        ordo_peer_close(peer);
        return;
    }
    bool choked = peer->unsent > ORDO_PEER_UNSENT;
    if (result > 0) {
        note_sent(peer, (uint32_t)result);
    }
    if (peer->unsent > 0) {
        mark_dirty(peer);
    }
    if ((choked && peer->unsent <= ORDO_PEER_UNSENT) || (peer->ended && peer->unsent == 0)) {
        ordo_peer_is_ready(peer); /* to read on, or to end */
    }
}

void ordo_peer_drop_output(struct ordo_peer *peer)
{
    struct ordo_polled_door *door = peer->listener->door;
    ORDO_ASSERT(!peer->sending);
    give_chain(door, peer->output);
    peer->output = NULL;
    peer->output_last = NULL;
    door->unsent -= peer->unsent;
    peer->unsent = 0;
}
