/* Goal: a cursor names what was taken and nothing else, and an order that cannot be worked off
 * stops no other. Method: a node made by hand that works between two polls of the follower.
 */
#include "follower_rig.h"

#include <pthread.h>

TestSuite(follower_cursor, .init = setup, .fini = teardown);

Test(follower_cursor, goes_on_behind_its_cursor)
{
    node.head = 200;
    struct ordo_follower_options options = {.name = "mail"};
    struct ordo_follower *f = follow(options);
    struct ordo_error error;
    cr_assert_eq(run_to(f, 200), 0);
    run_acked(f, 200);
    cr_assert(node.has_cursor);
    cr_assert_eq(node.acked, 200);
    ordo_follower_close(f);

    script_hang_up(&node);
    node.head = 260;
    f = follow(options);
    cr_assert_eq(run_to(f, 260), 0);
    assert_range(1, 260);
    cr_assert_eq(ordo_follower_flush(f, 0, &error), ORDO_E_TIMEOUT, "no time, no answer");
    ordo_follower_close(f);
}

Test(follower_cursor, acknowledges_what_was_taken_and_not_more)
{
    node.head = 500;
    app.fail_at = 321;
    app.fail_times = 1000000;
    struct ordo_follower *f =
        follow((struct ordo_follower_options){.name = "mail", .tries_max = 1000000});
    cr_assert_eq(run_to(f, 320), 0);
    run_acked(f, 320);
    struct timespec begin;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    uint32_t acks = node.acks;
    do { /* a while longer: nothing else is acknowledged */
        struct ordo_error error;
        script_work(&node);
        cr_assert_eq(ordo_follower_poll(f, 1, &error), 0);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < 250);
    cr_assert_eq(node.acks, acks);
    cr_assert_eq(node.acked, 320);
    app.fail_times = 0;
    cr_assert_eq(run_to(f, 500), 0);
    run_acked(f, 500);
    cr_assert_leq(node.acks, acks + 2, "one in 100 ms, not one an update: %u", node.acks);
    assert_range(1, 500);
    ordo_follower_close(f);
}

Test(follower_cursor, without_acknowledging_leaves_the_cursor_where_it_is)
{
    node.head = 50;
    node.has_cursor = true;
    node.acked = 10;
    struct ordo_follower *f = follow((struct ordo_follower_options){.name = "mail", .no_ack = 1});
    struct ordo_error error;
    cr_assert_eq(run_to(f, 50), 0);
    cr_assert_eq(ordo_follower_flush(f, 1000, &error), 0, "nothing is owed");
    assert_range(11, 50);
    cr_assert_eq(node.acks, 0);
    ordo_follower_close(f);
}

Test(follower_cursor, begins_where_it_is_told_to)
{
    node.head = 90;
    struct ordo_follower *f =
        follow((struct ordo_follower_options){.start = ORDO_START_AFTER, .after = 60});
    cr_assert_eq(run_to(f, 90), 0);
    assert_range(61, 90);
    ordo_follower_close(f);

    script_hang_up(&node);
    app.count = 0;
    f = follow((struct ordo_follower_options){.start = ORDO_START_NOW, .name = "mail"});
    run_live(f);
    cr_assert_eq(node.acked, 90, "the new cursor too");
    script_publish(&node, 91, 95);
    cr_assert_eq(run_to(f, 95), 0);
    assert_range(91, 95);
    ordo_follower_close(f);
}

Test(follower_cursor, tries_a_failing_update_again_before_the_next_one)
{
    node.head = 40;
    app.fail_at = 17;
    app.fail_times = 3;
    struct ordo_follower *f = follow((struct ordo_follower_options){.name = "mail"});
    cr_assert_eq(run_to(f, 40), 0);
    assert_range(1, 40);
    cr_assert_eq(app.calls, 43);
    cr_assert_eq(node.park_count, 0);
    ordo_follower_close(f);
}

Test(follower_cursor, parks_a_poisoned_order_and_goes_on_with_the_others)
{
    node.head = 100;
    app.fail_order = "A-2"; /* updates 2, 6, 10, ... */
    struct ordo_follower *f = follow((struct ordo_follower_options){.name = "mail"});
    cr_assert_eq(run_to(f, 100), 0);
    cr_assert_eq(node.park_count, 1);
    cr_assert_eq(node.parks[0].first_update, 2);
    cr_assert_eq(node.parks[0].shop, 7);
    cr_assert_eq(app.count, 75, "all but every fourth");
    cr_assert_eq(app.calls, 80, "five tries of the first, none of the others");
    cr_assert_eq(state_of(f).parked, 1);
    run_acked(f, 100);
    ordo_follower_close(f);

    script_hang_up(&node); /* a restart knows what is parked */
    node.head = 120;
    f = follow((struct ordo_follower_options){.name = "mail"});
    cr_assert_eq(run_to(f, 120), 0);
    cr_assert_eq(app.count, 90);
    cr_assert_eq(app.calls, 95);
    cr_assert_eq(state_of(f).parked, 1);
    ordo_follower_close(f);
}

/* Replay blocks, so the node works on a thread of its own meanwhile. */
static volatile bool node_stops;

static void *work_node(void *context)
{
    struct script *s = context;
    while (!node_stops) {
        struct pollfd fds[2] = {
            {.fd = s->requests.fd, .events = POLLIN},
            {.fd = s->requests.listener, .events = POLLIN}};
        (void)poll(fds, 2, 5);
        script_work(s);
    }
    return NULL;
}

static int
replay_for(struct ordo_follower *f, uint32_t shop, const char *order_id, uint32_t timeout_ms)
{
    pthread_t thread;
    struct ordo_error error;
    node_stops = false;
    cr_assert_eq(pthread_create(&thread, NULL, work_node, &node), 0);
    int code = ordo_follower_replay(f, shop, order_id, timeout_ms, &error);
    node_stops = true;
    pthread_join(thread, NULL);
    return code;
}

static int replay(struct ordo_follower *f, uint32_t shop, const char *order_id)
{
    return replay_for(f, shop, order_id, 10000);
}

Test(follower_cursor, replays_a_parked_order_from_where_it_failed)
{
    node.head = 100;
    app.fail_order = "A-2";
    struct ordo_follower *f = follow((struct ordo_follower_options){.name = "mail"});
    struct ordo_error error;
    cr_assert_eq(run_to(f, 100), 0);
    cr_assert_eq(ordo_follower_replay(f, 7, "A-1", 1000, &error), ORDO_E_INVALID);
    cr_assert_eq(replay(f, 7, "A-2"), ORDO_E_STOPPED, "it fails still");
    cr_assert_eq(node.park_count, 1);
    app.fail_order = NULL;
    app.count = 0;
    node.head = 104; /* 102 is not its past */
    cr_assert_eq(replay(f, 7, "A-2"), 0);
    cr_assert_eq(app.count, 25);
    cr_assert_eq(app.replayed, 25);
    for (uint64_t i = 0; i < 25; i++) {
        cr_assert_eq(app.seqs[i], 2 + 4 * i);
    }
    cr_assert_eq(node.park_count, 0);
    cr_assert_eq(run_to(f, 104), 0, "and it is delivered live again");
    app.count = 0;
    cr_assert_eq(state_of(f).parked, 0);
    ordo_follower_close(f);
}

/* The node has no park any more: what was passed over until the next start would come never. */
Test(follower_cursor, passes_over_nothing_of_an_order_whose_unpark_had_no_answer)
{
    node.head = 100;
    app.fail_order = "A-2";
    struct ordo_follower *f = follow((struct ordo_follower_options){.name = "mail"});
    cr_assert_eq(run_to(f, 100), 0);
    app.fail_order = NULL;
    app.count = 0;
    node.mute_unparks = true;
    cr_assert_eq(replay_for(f, 7, "A-2", 300), ORDO_E_TIMEOUT);
    cr_assert_eq(app.count, 25);
    cr_assert_eq(node.park_count, 0);
    app.count = 0;
    node.head = 110;
    cr_assert_eq(run_to(f, 110), 0);
    assert_range(101, 110);
    node.mute_unparks = false;
    cr_assert_eq(state_of(f).parked, 1, "the caller may finish it");
    cr_assert_eq(replay(f, 7, "A-2"), 0);
    cr_assert_eq(state_of(f).parked, 0);
    ordo_follower_close(f);
}

Test(follower_cursor, parks_an_order_again_whose_unpark_had_no_answer)
{
    node.head = 100;
    app.fail_order = "A-2";
    struct ordo_follower *f = follow((struct ordo_follower_options){.name = "mail"});
    cr_assert_eq(run_to(f, 100), 0);
    app.fail_order = NULL;
    node.mute_unparks = true;
    cr_assert_eq(replay_for(f, 7, "A-2", 300), ORDO_E_TIMEOUT);
    node.mute_unparks = false;
    app.fail_order = "A-2";
    app.count = 0;
    node.head = 120;
    cr_assert_eq(run_to(f, 120), 0);
    cr_assert_eq(app.count, 15, "all but every fourth");
    cr_assert_eq(node.park_count, 1);
    cr_assert_eq(state_of(f).parked, 1);
    ordo_follower_close(f);
}

Test(follower_cursor, tells_of_a_parked_order_that_its_past_was_trimmed)
{
    node.head = 100;
    app.fail_order = "A-2";
    struct ordo_follower *f = follow((struct ordo_follower_options){.name = "mail"});
    cr_assert_eq(run_to(f, 100), 0);
    app.fail_order = NULL;
    app.count = 0;
    node.trimmed = 100;
    cr_assert_eq(replay(f, 7, "A-2"), 0);
    cr_assert_eq(app.count, 0);
    cr_assert_eq(app.lost_count, 1);
    cr_assert_eq(app.lost[0].first_seq, 2);
    cr_assert_eq(app.lost[0].last_seq, 100);
    cr_assert_eq(state_of(f).parked, 0);
    ordo_follower_close(f);
}

Test(follower_cursor, replays_nothing_out_of_another_journal)
{
    node.head = 100;
    app.fail_order = "A-2";
    struct ordo_follower *f = follow((struct ordo_follower_options){.name = "mail"});
    cr_assert_eq(run_to(f, 100), 0);
    run_acked(f, 100);
    app.fail_order = NULL;
    app.count = 0;
    memset(node.node, 0xcd, sizeof(node.node));
    cr_assert_eq(replay(f, 7, "A-2"), ORDO_E_STOPPED);
    cr_assert_eq(app.count, 0);
    cr_assert_eq(node.unparks, 0);
    ordo_follower_close(f);
}

Test(follower_cursor, stands_still_when_no_more_orders_can_be_parked)
{
    node.head = 100;
    node.parks_max = 0;
    app.fail_at = 33;
    app.fail_times = 1000;
    struct ordo_follower *f = follow((struct ordo_follower_options){.name = "mail"});
    cr_assert_eq(run_to(f, 100), ORDO_E_FULL);
    assert_range(1, 32);
    cr_assert_eq(state_of(f).update_seq, 32);
    ordo_follower_close(f);
}

Test(follower_cursor, without_a_name_parks_nothing_and_waits)
{
    node.head = 40;
    app.fail_at = 17;
    app.fail_times = 9; /* more than tries_max */
    struct ordo_follower *f = follow((struct ordo_follower_options){.tries_max = 2});
    cr_assert_eq(run_to(f, 40), 0);
    assert_range(1, 40);
    cr_assert_eq(node.park_count, 0);
    ordo_follower_close(f);
}
