/* follower_rig.h - a follower, its callbacks that write down what they see, and a node made by
 * hand: what the tests of the follower share.
 */
#ifndef ORDO_TESTS_FOLLOWER_RIG_H
#define ORDO_TESTS_FOLLOWER_RIG_H

#include "net/client/ordo/follow.h"

#include "script_node.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <time.h>

struct app {
    uint64_t seqs[2 * SCRIPT_UPDATES];
    uint32_t count;
    uint32_t calls;
    uint32_t replayed;
    uint64_t fail_at; /* this update fails, fail_times times */
    uint32_t fail_times;
    const char *fail_order; /* all of this one fail */
    struct ordo_lost lost[8];
    uint32_t lost_count;
    int lost_answer;
};

static struct script node; /* of this test: each is a process */
static struct app app;

static inline int on_change(void *context, const struct ordo_change *change)
{
    struct app *a = context;
    struct ordo_update expected = script_update(change->update_seq);
    a->calls++;
    cr_assert_eq(change->seq, expected.seq);
    cr_assert_eq(change->version, expected.version);
    cr_assert_eq(change->shop, expected.shop);
    cr_assert_eq(strlen(change->order_id), expected.order_id.size);
    if (change->update_seq == a->fail_at && a->fail_times > 0) {
        a->fail_times--;
        return 1;
    }
    if (a->fail_order != NULL && strcmp(a->fail_order, change->order_id) == 0) {
        return 1;
    }
    a->replayed += change->replayed;
    a->seqs[a->count++] = change->update_seq;
    return 0;
}

static inline int on_lost(void *context, const struct ordo_lost *lost)
{
    struct app *a = context;
    cr_assert_lt(a->lost_count, 8);
    a->lost[a->lost_count++] = *lost;
    return a->lost_answer;
}

static inline struct ordo_follower *follow(struct ordo_follower_options options)
{
    struct ordo_follower *f = NULL;
    struct ordo_error error;
    options.url = node.requests.url;
    options.stream = node.stream.url;
    options.on_change = on_change;
    options.on_lost = on_lost;
    options.context = &app;
    options.retry_ms = 1;
    options.shop = 7;
    cr_assert_eq(ordo_follower_open(&options, &f, &error), 0, "%s", error.text);
    return f;
}

static inline uint64_t seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

/* Both work until the follower has worked off `seq`; 0 or what ended it. */
static inline int run_to(struct ordo_follower *f, uint64_t seq)
{
    struct ordo_follower_state state;
    struct ordo_error error;
    uint64_t end = seconds_now() + 20;
    do {
        script_work(&node);
        int code = ordo_follower_poll(f, 1, &error);
        if (code != 0) {
            return code;
        }
        ordo_follower_state(f, &state, sizeof(state));
        cr_assert_lt(seconds_now(), end, "stands at %" PRIu64, state.update_seq);
    } while (state.update_seq < seq);
    return 0;
}

/* Until it is connected and has nothing to catch up with. */
static inline void run_live(struct ordo_follower *f)
{
    struct ordo_follower_state state;
    struct ordo_error error;
    uint64_t end = seconds_now() + 20;
    do {
        script_work(&node);
        cr_assert_eq(ordo_follower_poll(f, 1, &error), 0, "%s", error.text);
        ordo_follower_state(f, &state, sizeof(state));
        cr_assert_lt(seconds_now(), end);
    } while (state.live == 0);
}

static inline void run_acked(struct ordo_follower *f, uint64_t seq)
{
    struct ordo_error error;
    uint64_t end = seconds_now() + 20;
    while (node.acked < seq) {
        script_work(&node);
        cr_assert_eq(ordo_follower_poll(f, 1, &error), 0, "%s", error.text);
        cr_assert_lt(seconds_now(), end);
    }
}

static inline void assert_range(uint64_t first, uint64_t last)
{
    cr_assert_eq(app.count, last - first + 1, "%u updates", app.count);
    for (uint64_t i = first; i <= last; i++) {
        cr_assert_eq(app.seqs[i - first], i);
    }
}

static inline struct ordo_follower_state state_of(const struct ordo_follower *f)
{
    struct ordo_follower_state state;
    ordo_follower_state(f, &state, sizeof(state));
    return state;
}

static inline void setup(void)
{
    memset(&app, 0, sizeof(app));
    script_open(&node);
}

static inline void teardown(void)
{
    script_close(&node);
}

#endif
