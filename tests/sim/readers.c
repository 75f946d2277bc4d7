#include "readers.h"

#include "host.h"
#include "net.h"
#include "sim.h"
#include "truth.h"

#include "net/client/follow_parts.h"

#include "base/assert.h"

#include <inttypes.h>
#include <string.h>

#define READERS     3
#define LOOK_NS     (200 * ORDO_NS_PER_MS)
#define REOPEN_OF   400
#define FAIL_OF     24 /* callbacks that fail, and then succeed */
#define TRIES_PARKS 4  /* so many failures do not park an order */

struct reader {
    struct ordo_follower *follower;
    const char *name; /* of its cursor; NULL = none */
    uint64_t seen;    /* every update up to this one */
    uint64_t look_ns;
    uint64_t refilled;
    uint64_t gaps;
};

static struct reader readers[READERS];
struct readers_counts readers_counts;

static int on_change(void *context, const struct ordo_change *change)
{
    struct reader *r = context;
    if (change->tries < TRIES_PARKS && host_chance(FAIL_OF)) {
        return -1;
    }
    readers_counts.delivered++;
    truth_published(change->update_seq);
    if (change->update_seq > r->seen + 1 || (change->update_seq <= r->seen && r->name == NULL)) {
        truth_fail(
            "subscriber %s was given update %" PRIu64 " behind %" PRIu64,
            r->name == NULL ? "without a name" : r->name,
            change->update_seq,
            r->seen);
        return 0;
    }
    if (!truth_is_update(change->update_seq, change->seq)) {
        truth_fail(
            "subscriber %s was given update %" PRIu64 " as of sequence %" PRIu64,
            r->name == NULL ? "without a name" : r->name,
            change->update_seq,
            change->seq);
    }
    r->seen = change->update_seq > r->seen ? change->update_seq : r->seen;
    return 0;
}

static int on_lost(void *context, const struct ordo_lost *lost)
{
    const struct reader *r = context;
    if (sim_is_damaged()) {
        return -1; /* told of it: as it should be */
    }
    truth_fail(
        "subscriber %s at update %" PRIu64 " was told that %" PRIu64 " to %" PRIu64 " are lost: %s",
        r->name == NULL ? "without a name" : r->name,
        r->seen,
        lost->first_seq,
        lost->last_seq,
        lost->text);
    return -1;
}

static void open_reader(struct reader *r)
{
    struct ordo_error error;
    struct ordo_follower_options options = {
        .url = "ipc://" NET_REQUESTS,
        .stream = "ipc://" NET_STREAM,
        .name = r->name,
        .start = ORDO_START_CURSOR,
        .on_change = on_change,
        .on_lost = on_lost,
        .context = r,
    };
    int code = ordo_follower_open(&options, &r->follower, &error);
    ORDO_ASSERT(code == ORDO_E_OK);
    r->refilled = r->gaps = 0;
}

static void close_reader(struct reader *r)
{
    readers_counts.refilled += r->follower->refilled;
    readers_counts.gaps += r->follower->gaps;
    ordo_follower_close(r->follower);
    r->follower = NULL;
}

void readers_begin(void)
{
    memset(readers, 0, sizeof(readers));
    readers[0].name = READER_NAME;
    for (uint32_t i = 0; i < READERS; i++) {
        readers[i].look_ns = host_clock.now_ns;
        open_reader(&readers[i]);
    }
}

void readers_end(void)
{
    for (uint32_t i = 0; i < READERS; i++) {
        close_reader(&readers[i]);
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

bool readers_due_ns(uint32_t index, uint64_t *due_ns)
{
    if (index >= READERS) {
        return false;
    }
    const struct reader *r = &readers[index];
    const struct ordo_follower *f = r->follower;
    uint64_t due = earlier(r->look_ns, ordo_tail_due_ns(&f->tail));
    due = earlier(due, ordo_client_due_ns(f->client));
    due = earlier(due, net_client_due_ns(f->tail.sp.fd));
    *due_ns = earlier(due, net_client_due_ns(f->client->sp.fd));
    return true;
}

/* Its process begins again. */
static void begin_again(struct reader *r)
{
    close_reader(r);
    readers_counts.reopened++;
    r->seen = r->name == NULL ? 0 : r->seen;
    open_reader(r);
}

/* What a subscriber may be told, and not because anything was lost: the generator's subscribers
 * have taken all places, or the node could not read its disk. */
static void stopped(struct reader *r, const char *why)
{
    if (strstr(why, "subscriber table is full") != NULL) {
        r->name = NULL;
    } else if (strstr(why, "journal cannot be read") == NULL && !sim_is_damaged()) {
        truth_fail("subscriber %u has stopped: %s", (unsigned)(r - readers), why);
        return;
    }
    begin_again(r);
}

void readers_act(uint32_t index)
{
    struct reader *r = &readers[index];
    struct ordo_error error;
    if (host_chance(REOPEN_OF)) {
        begin_again(r);
    }
    if (ordo_follower_poll(r->follower, 0, &error) != ORDO_E_OK) {
        stopped(r, error.text);
    }
    r->look_ns = host_clock.now_ns + LOOK_NS;
}

bool readers_have(uint64_t update_seq, uint64_t low, uint64_t high)
{
    for (uint32_t i = 0; i < READERS; i++) {
        const struct ordo_follower *f = readers[i].follower;
        if (f->at_seq < update_seq) {
            return false;
        }
        if (f->hash_known && f->at_seq == update_seq && !f->batch.active &&
            (f->at_hash.low != low || f->at_hash.high != high)) {
            truth_fail("subscriber %u has another hash of the stream at %" PRIu64, i, update_seq);
        }
    }
    return true;
}
