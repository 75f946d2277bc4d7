#include "net/polled_door.h"

#include "base/assert.h"
#include "net/polled.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The duty cycle of the door: take over replies of other threads, begin sends, hand everything to
 * the ring with one system call and take what has completed, serve the peers that this made ready.
 * Receives and sends that serving and replying begin go out with the next cycle, or with the sleep.
 * The ring may be shared with the journal, so it is polled before the start and after a stop, too.
 *
 * The end, in four steps: stop takes no connection and no message any more; the cycles go on until
 * what was delivered is answered and sent, bounded; `end`, on the same thread, breaks the
 * connections off and waits until the ring holds nothing of the door; close frees.
 */

#define TURNS_MAX     64u /* peers served in a cycle: the ring behind wants its turn, too */
#define SCAN_NS       (100 * ORDO_NS_PER_MS)
#define FILES_NS      (500 * ORDO_NS_PER_MS)
#define QUIET_NS      (1 * ORDO_NS_PER_S)  /* at a stop: readers this slow do not hold it up */
#define STOP_NS       (10 * ORDO_NS_PER_S) /* at a stop: for what the server holds */
#define END_TRIES_MAX 1000                 /* of a millisecond each */
#define RECEIVE_MIB   32u
#define SEND_MIB      64u
#define CONNECTIONS   1024u
#define MESSAGE_MS    10000u
#define STALL_MS      30000u
#define MIB           (1024u * 1024u)
#define REPLY_BLOCK   65536u
#define RING_OPS_MAX  8192u

static struct ordo_peer *pop(struct ordo_peer_queue *queue)
{
    struct ordo_peer *peer = queue->first;
    queue->first = peer->next;
    queue->count--;
    peer->queued = false;
    return peer;
}

static uint32_t serve_ready(struct ordo_polled_door *door)
{
    uint32_t count = door->ready.count < TURNS_MAX ? door->ready.count : TURNS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        struct ordo_peer *peer = pop(&door->ready);
        if (peer->closing) {
            ordo_peer_finish(peer);
        } else {
            ordo_peer_serve(peer);
        }
    }
    return count;
}

/* Who waited for a number or for memory tries again, in the order of waiting. */
static void wake_waiting(struct ordo_polled_door *door)
{
    uint32_t count = door->freed ? door->waiting.count : 0;
    door->freed = false;
    for (uint32_t i = 0; i < count; i++) {
        struct ordo_peer *peer = pop(&door->waiting);
        if (peer->closing) {
            ordo_peer_finish(peer);
        } else {
            ordo_peer_is_ready(peer);
        }
    }
}

/* Cuts a peer that is over a limit; true when one of its limits runs. */
static bool scan_peer(struct ordo_polled_door *door, struct ordo_peer *peer)
{
    if (peer->fd < 0 || peer->closing) {
        return false;
    }
    uint64_t stall_ns = (uint64_t)door->config.stall_ms * ORDO_NS_PER_MS;
    bool late = peer->limit_ns != 0 && door->now_ns > peer->limit_ns;
    bool stalled = peer->unsent != 0 && door->now_ns > peer->progress_ns + stall_ns;
    if (late || stalled) {
        ordo_counter_add(&door->cut, 1);
        ordo_counter_add(&door->failed, stalled ? 1 : 0);
        ordo_peer_close(peer);
        return false;
    }
    return peer->limit_ns != 0 || peer->unsent != 0;
}

static void scan(struct ordo_polled_door *door)
{
    bool timed = false;
    for (uint32_t i = 0; i < door->listener_count; i++) {
        struct ordo_polled_listener *listener = &door->listeners[i];
        for (uint32_t k = 0; k < door->config.connections_max; k++) {
            timed |= scan_peer(door, &listener->peers[k]);
        }
        timed |= listener->again_ns > door->now_ns;
    }
    door->timed = timed;
    door->scan_ns = door->now_ns + SCAN_NS;
}

static uint32_t door_work(void *self)
{
    struct ordo_polled_door *door = self;
    door->now_ns = ordo_clock_monotonic_ns(&door->clock);
    if (!door->stopped && ordo_flag_is_raised(&door->stopping)) {
        door->stopped = true;
        door->stop_ns = door->now_ns;
        ordo_polled_refuse(door);
    }
    if (!door->stopped && ordo_flag_is_raised(&door->starting)) {
        ordo_polled_accept(door);
    }
    if (!door->stopped && door->now_ns >= door->files_ns) {
        ordo_polled_look_after_files(door);
        door->files_ns = door->now_ns + FILES_NS;
    }
    uint32_t work = ordo_polled_take_answers(door);
    if (door->dirty != NULL) {
        ordo_polled_send(door);
    }
    work += ordo_uring_poll(door->ring);
    wake_waiting(door);
    work += serve_ready(door);
    if (door->timed && door->now_ns >= door->scan_ns) {
        scan(door);
    }
    return work;
}

static uint64_t door_deadline_ns(void *self)
{
    const struct ordo_polled_door *door = self;
    if (door->ready.count != 0 || door->dirty != NULL) {
        return 0; /* replies that came behind this agent's turn go out with the next cycle */
    }
    return door->timed && door->scan_ns < door->files_ns ? door->scan_ns : door->files_ns;
}

static bool door_is_drained(void *self)
{
    const struct ordo_polled_door *door = self;
    if (door->outstanding == 0 && door->unsent == 0) {
        return true;
    }
    uint64_t last_ns = door->progress_ns > door->stop_ns ? door->progress_ns : door->stop_ns;
    bool quiet = door->outstanding == 0 && door->now_ns > last_ns + QUIET_NS;
    return door->stopped && (quiet || door->now_ns > door->stop_ns + STOP_NS);
}

/* Nothing of the door is in the ring any more. */
static bool is_idle(const struct ordo_polled_door *door)
{
    for (uint32_t i = 0; i < door->listener_count; i++) {
        const struct ordo_polled_listener *listener = &door->listeners[i];
        bool idle = !listener->armed;
        for (uint32_t k = 0; k < door->config.connections_max && idle; k++) {
            idle = !listener->peers[k].receiving && !listener->peers[k].sending;
        }
        if (!idle) {
            return false;
        }
    }
    return true;
}

static void door_end(void *self)
{
    struct ordo_polled_door *door = self;
    if (!ordo_uring_is_mine(door->ring) || ordo_uring_in_flight(door->ring) == 0) {
        return;
    }
    if (!door->stopped) {
        door->stopped = true;
        ordo_polled_refuse(door);
    }
    for (uint32_t i = 0; i < door->listener_count; i++) {
        for (uint32_t k = 0; k < door->config.connections_max; k++) {
            struct ordo_peer *peer = &door->listeners[i].peers[k];
            if (peer->fd >= 0) {
                ordo_peer_close(peer);
            }
        }
    }
    for (int i = 0; i < END_TRIES_MAX && !is_idle(door) && ordo_uring_error(door->ring) == 0; i++) {
        (void)ordo_uring_poll(door->ring);
        if (!is_idle(door)) {
            ordo_uring_sleep(door->ring, ORDO_NS_PER_MS);
        }
    }
}

static void door_bind(void *self, struct ordo_waker *waker)
{
    struct ordo_polled_door *door = self;
    door->waker = waker;
    ordo_waker_replace(waker, ordo_uring_sleep, ordo_uring_wake, door->ring);
}

static void wake(struct ordo_polled_door *door)
{
    if (door->waker != NULL) {
        ordo_waker_signal(door->waker);
    }
}

static void door_start(void *self)
{
    struct ordo_polled_door *door = self;
    ordo_flag_raise(&door->starting);
    wake(door);
}

static void door_stop(void *self)
{
    struct ordo_polled_door *door = self;
    ordo_flag_raise(&door->stopping);
    wake(door);
}

static void door_stats(const void *self, struct ordo_door_stats *stats)
{
    const struct ordo_polled_door *door = self;
    *stats = (struct ordo_door_stats){
        .sent = ordo_counter_get(&door->sent),
        .failed = ordo_counter_get(&door->failed),
        .accepted = ordo_counter_get(&door->accepted),
        .refused = ordo_counter_get(&door->refused),
        .cut = ordo_counter_get(&door->cut),
    };
}

static void free_door(struct ordo_polled_door *door)
{
    ordo_polled_listeners_close(door);
    if (door->config.uring == NULL) {
        ordo_uring_close(door->ring);
    }
    for (uint32_t i = 0; i < door->listener_count; i++) {
        for (uint32_t k = 0; k < door->config.connections_max; k++) {
            int fd = door->listeners[i].peers[k].fd;
            if (fd >= 0) {
                (void)close(fd);
            }
        }
    }
    (void)pthread_mutex_destroy(&door->replies_lock);
    ordo_arena_fini(&door->arena);
    free(door);
}

static void door_close(void *self)
{
    struct ordo_polled_door *door = self;
    door_end(door); /* when there was no thread but this one */
    free_door(door);
}

static void set_defaults(struct ordo_polled_config *config)
{
    config->connections_max = config->connections_max == 0 ? CONNECTIONS : config->connections_max;
    config->receive_mib = config->receive_mib == 0 ? RECEIVE_MIB : config->receive_mib;
    config->send_mib = config->send_mib == 0 ? SEND_MIB : config->send_mib;
    config->message_ms = config->message_ms == 0 ? MESSAGE_MS : config->message_ms;
    config->stall_ms = config->stall_ms == 0 ? STALL_MS : config->stall_ms;
}

static enum ordo_err take_memory(struct ordo_polled_door *door)
{
    void *requests;
    uint32_t count = door->host.request_count;
    size_t frames = (size_t)door->config.receive_mib * MIB;
    size_t least = 4 * (size_t)door->host.size_max; /* half of it is for unfinished ones */
    enum ordo_err err = ordo_arena_alloc(
        &door->arena, "door requests", count, sizeof(struct ordo_polled_request), &requests);
    if (err == ORDO_OK) {
        err = ordo_pool_init(
            &door->frames,
            &door->arena,
            "frames",
            frames < least ? least : frames,
            door->host.size_max);
    }
    if (err == ORDO_OK) {
        err = ordo_pool_init(
            &door->replies,
            &door->arena,
            "replies",
            (size_t)door->config.send_mib * MIB,
            REPLY_BLOCK);
    }
    if (err != ORDO_OK) {
        return err;
    }
    door->requests = requests;
    door->free_count = count;
    for (uint32_t i = count; i > 0; i--) {
        struct ordo_polled_request *request = &door->requests[i - 1];
        request->next_free = door->free_requests;
        door->free_requests = request;
    }
    return ORDO_OK;
}

enum ordo_err ordo_polled_door_open(
    const struct ordo_door_host *host,
    const struct ordo_polled_config *config,
    struct ordo_door *door,
    struct ordo_fail *fail)
{
    ORDO_ASSERT(host->request_count > 0);
    ORDO_ASSERT(host->size_max > 0);
    struct ordo_polled_door *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the polled door");
    }
    self->host = *host;
    self->config = *config;
    self->clock = ordo_clock_system();
    set_defaults(&self->config);
    ordo_arena_init(&self->arena);
    (void)pthread_mutex_init(&self->replies_lock, NULL);
    self->ring = config->uring;
    enum ordo_err err = config->uring != NULL
                            ? ORDO_OK
                            : ordo_uring_open(&self->arena, RING_OPS_MAX, &self->ring, fail);
    if (err == ORDO_OK && take_memory(self) != ORDO_OK) {
        err = ordo_fail_set(
            fail,
            ORDO_ERR_NO_MEMORY,
            "no memory for the polled door: %u MiB of frames, %u MiB of replies",
            self->config.receive_mib,
            self->config.send_mib);
    }
    if (err != ORDO_OK) {
        free_door(self);
        return err;
    }
    *door = (struct ordo_door){
        .name = "polled",
        .self = self,
        .listen = ordo_polled_listen,
        .bind = door_bind,
        .start = door_start,
        .stop = door_stop,
        .reply = ordo_polled_reply,
        .work = door_work,
        .deadline_ns = door_deadline_ns,
        .is_drained = door_is_drained,
        .end = door_end,
        .stats = door_stats,
        .close = door_close,
    };
    return ORDO_OK;
}
