/* Goal: a follower's callback sees every update once and in order, or is told what is lost,
 * whatever happens to stream and journal. Method: a node made by hand that works between two polls
 * of the follower; at the end a random run over all of it, with a printed seed.
 */
#include "follower_rig.h"

TestSuite(follower, .init = setup, .fini = teardown);

Test(follower, reads_the_journal_from_the_first_update_and_goes_on_live)
{
    node.head = 1000;
    struct ordo_follower *f = follow((struct ordo_follower_options){0});
    cr_assert_eq(run_to(f, 1000), 0);
    run_live(f);
    script_publish(&node, 1001, 1005);
    script_publish(&node, 1006, 1006);
    cr_assert_eq(run_to(f, 1006), 0);
    assert_range(1, 1006);
    cr_assert_eq(state_of(f).refilled, 1000);
    cr_assert_eq(state_of(f).gaps, 0);
    ordo_follower_close(f);
}

Test(follower, merges_frames_that_come_while_it_catches_up)
{
    node.head = 300;
    struct ordo_follower *f = follow((struct ordo_follower_options){0});
    for (uint64_t i = 0; i < 40; i++) { /* live all the time, repetitions among it */
        struct ordo_error error;
        script_work(&node);
        script_publish(&node, 301 + i, 302 + i);
        cr_assert_eq(ordo_follower_poll(f, 1, &error), 0);
    }
    cr_assert_eq(run_to(f, 341), 0);
    assert_range(1, 341);
    ordo_follower_close(f);
}

Test(follower, fills_a_hole_from_the_journal_and_delivers_nothing_twice)
{
    node.head = 10;
    struct ordo_follower *f = follow((struct ordo_follower_options){0});
    run_live(f);
    script_publish(&node, 11, 20);
    script_publish(&node, 31, 40); /* 21 to 30 are dropped */
    script_publish(&node, 35, 45); /* overlaps */
    cr_assert_eq(run_to(f, 45), 0);
    assert_range(1, 45);
    cr_assert_geq(state_of(f).gaps, 1);
    ordo_follower_close(f);
}

Test(follower, learns_from_a_heartbeat_that_the_last_frames_are_missing)
{
    struct ordo_follower *f = follow((struct ordo_follower_options){0});
    run_live(f);
    node.head = 7;
    script_heartbeat(&node);
    cr_assert_eq(run_to(f, 7), 0);
    assert_range(1, 7);
    cr_assert_eq(state_of(f).gaps, 1, "by a heartbeat, not by the silence after it");
    ordo_follower_close(f);
}

Test(follower, takes_from_the_journal_what_came_wrong_over_the_stream)
{
    node.head = 5;
    struct ordo_follower *f = follow((struct ordo_follower_options){0});
    run_live(f);
    script_publish_as(&node, 6, 9, true);
    cr_assert_eq(run_to(f, 9), 0);
    assert_range(1, 9);
    cr_assert_eq(app.lost_count, 0);
    ordo_follower_close(f);
}

Test(follower, tells_when_the_journal_itself_is_not_what_was_hashed)
{
    node.head = 50;
    node.damaged = 20;
    app.lost_answer = 1;
    struct ordo_follower *f = follow((struct ordo_follower_options){0});
    cr_assert_eq(run_to(f, 50), ORDO_E_STOPPED, "by the callback");
    cr_assert_eq(app.lost_count, 1);
    cr_assert_eq(app.lost[0].reason, ORDO_LOST_DAMAGED);
    cr_assert_eq(app.lost[0].first_seq, 1);
    cr_assert_eq(app.lost[0].last_seq, 50);
    cr_assert_eq(app.count, 0, "nothing of it was delivered");
    cr_assert_eq(node.fetches, 2, "asked for once more before that");
    ordo_follower_close(f);
}

Test(follower, is_told_what_the_journal_has_no_more)
{
    node.head = 60;
    node.trimmed = 40;
    struct ordo_follower *f = follow((struct ordo_follower_options){0});
    cr_assert_eq(run_to(f, 60), 0);
    cr_assert_eq(app.lost_count, 1);
    cr_assert_eq(app.lost[0].reason, ORDO_LOST_TRIMMED);
    cr_assert_eq(app.lost[0].first_seq, 1);
    cr_assert_eq(app.lost[0].last_seq, 40);
    assert_range(41, 60);
    ordo_follower_close(f);
}

Test(follower, is_told_when_the_journal_has_none_of_them_any_more)
{
    node.head = 100;
    node.trimmed = 100; /* what is left of the journal has no update in it */
    struct ordo_follower *f = follow((struct ordo_follower_options){0});
    run_live(f);
    cr_assert_eq(app.lost_count, 1);
    cr_assert_eq(app.lost[0].reason, ORDO_LOST_TRIMMED);
    cr_assert_eq(app.lost[0].first_seq, 1);
    cr_assert_eq(app.lost[0].last_seq, 100);
    script_publish(&node, 101, 105);
    cr_assert_eq(run_to(f, 105), 0);
    assert_range(101, 105);
    cr_assert_eq(app.lost_count, 1);
    ordo_follower_close(f);
}

Test(follower, stops_when_nobody_takes_the_loss)
{
    node.head = 60;
    node.trimmed = 40;
    app.lost_answer = 1;
    struct ordo_follower *f = follow((struct ordo_follower_options){0});
    cr_assert_eq(run_to(f, 60), ORDO_E_STOPPED);
    cr_assert_eq(app.count, 0);
    struct ordo_error error;
    cr_assert_eq(ordo_follower_poll(f, 0, &error), ORDO_E_STOPPED, "for good");
    cr_assert_not_null(strstr(error.text, "1 to 40"), "%s", error.text);
    ordo_follower_close(f);
}

Test(follower, is_told_that_another_journal_is_behind_the_address)
{
    node.head = 30;
    struct ordo_follower *f = follow((struct ordo_follower_options){0});
    cr_assert_eq(run_to(f, 30), 0);
    script_hang_up(&node);
    memset(node.node, 0xcd, sizeof(node.node));
    node.head = 4;
    memset(app.seqs, 0, sizeof(app.seqs));
    app.count = 0;
    while (app.lost_count == 0) {
        struct ordo_error error;
        script_work(&node);
        script_heartbeat(&node);
        cr_assert_eq(ordo_follower_poll(f, 1, &error), 0);
    }
    cr_assert_eq(run_to(f, 4), 0);
    cr_assert_eq(app.lost[0].reason, ORDO_LOST_NODE);
    cr_assert_eq(app.lost_count, 1);
    assert_range(1, 4);
    ordo_follower_close(f);
}

Test(follower, is_told_that_the_stream_has_gone_back, .timeout = 30)
{
    node.head = 30;
    struct ordo_follower *f = follow((struct ordo_follower_options){0});
    cr_assert_eq(run_to(f, 30), 0);
    script_hang_up(&node);
    node.head = 12;
    app.count = 0;
    while (app.lost_count == 0) {
        struct ordo_error error;
        script_work(&node);
        script_heartbeat(&node);
        cr_assert_eq(ordo_follower_poll(f, 20, &error), 0);
    }
    cr_assert_eq(app.lost[0].reason, ORDO_LOST_REWOUND);
    cr_assert_eq(run_to(f, 12), 0);
    assert_range(1, 12);
    ordo_follower_close(f);
}

Test(follower, finds_the_node_again_after_its_restart)
{
    node.head = 30;
    struct ordo_follower *f = follow((struct ordo_follower_options){0});
    cr_assert_eq(run_to(f, 30), 0);
    script_hang_up(&node);
    close(node.requests.listener);
    close(node.stream.listener);
    fake_listen(&node.requests);
    fake_listen(&node.stream);
    node.head = 64;
    cr_assert_eq(run_to(f, 64), 0);
    run_live(f);
    script_publish(&node, 65, 70);
    cr_assert_eq(run_to(f, 70), 0);
    assert_range(1, 70);
    cr_assert_geq(state_of(f).connects, 2);
    ordo_follower_close(f);
}

Test(follower, filters_behind_the_checks)
{
    static const char *const orders[] = {"A-2", "A-0"};
    node.head = 80;
    struct ordo_follower *f =
        follow((struct ordo_follower_options){.orders = orders, .order_count = 2});
    cr_assert_eq(run_to(f, 80), 0);
    cr_assert_eq(app.count, 40);
    ordo_follower_close(f);

    script_hang_up(&node);
    f = follow((struct ordo_follower_options){.only_shop = 1}); /* A-3 is another shop's */
    cr_assert_eq(run_to(f, 80), 0);
    cr_assert_eq(app.count, 40 + 60);
    ordo_follower_close(f);
}

/* ---- everything at once ---- */

static uint64_t random_state;

static uint64_t random_below(uint64_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % bound;
}

/* One thing that can happen to a stream. Returns the next update that was not made yet. */
static uint64_t happen(uint64_t next)
{
    uint64_t last = next + random_below(20);
    last = last < SCRIPT_UPDATES ? last : SCRIPT_UPDATES;
    switch (random_below(12)) {
    case 0: /* lost */
        node.head = last > node.head ? last : node.head;
        return last + 1;
    case 1: /* again */
        script_publish(&node, next > 30 ? next - 30 : 1, next > 1 ? next - 1 : 1);
        return next;
    case 2: /* wrong */
        script_publish_as(&node, next, last, true);
        return last + 1;
    case 3:
        script_heartbeat(&node);
        return next;
    case 4:
        if (random_below(8) == 0) {
            script_hang_up(&node);
        }
        return next;
    case 5:
        node.fetch_most = 1 + (uint32_t)random_below(200);
        return next;
    case 6: /* out of order */
        script_publish(&node, last, last);
        script_publish(&node, next, last);
        return last + 1;
    default:
        script_publish(&node, next, last);
        return last + 1;
    }
}

Test(follower, sees_everything_once_whatever_happens, .timeout = 120)
{
    const char *given = getenv("ORDO_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    random_state = seed * 2 + 1;
    printf("follower: ORDO_SEED=%" PRIu64 "\n", seed);
    for (int round = 0; round < 10; round++) {
        memset(&app, 0, sizeof(app));
        node.head = 0;
        node.has_cursor = false;
        node.acked = 0;
        struct ordo_follower *f = follow((struct ordo_follower_options){.name = "mail"});
        uint64_t next = 1;
        while (next <= SCRIPT_UPDATES) {
            struct ordo_error error;
            next = happen(next);
            if (random_below(3) > 0) {
                script_work(&node);
            }
            if (random_below(20) == 0) {
                app.fail_at = node.head;
                app.fail_times = 2;
            }
            cr_assert_eq(ordo_follower_poll(f, 0, &error), 0, "seed %" PRIu64, seed);
        }
        node.fetch_most = 1000;
        while (state_of(f).update_seq < SCRIPT_UPDATES) {
            script_heartbeat(&node);
            cr_assert_eq(run_to(f, 0), 0);
        }
        assert_range(1, SCRIPT_UPDATES);
        cr_assert_eq(app.lost_count, 0);
        ordo_follower_close(f);
        script_hang_up(&node);
    }
}
