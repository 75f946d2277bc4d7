/* conservation_load.c - the buyers of R12: one process with many connections. conservation.py
 * starts several of them, the node, and kills the latter; it judges what they say.
 *
 *   conservation_load URL WORKER CONNECTIONS BUYS SEED CARDS_FILE
 *
 * A connection has a few buys at a time, each command leaves when the one before has ended. What a
 * buy does is drawn from the seed and its number alone: most pay and fetch their card; others are
 * told twice or thrice over several connections, pay after the hold, cancel, cancel and pay all the
 * same, never pay, pay too little (and maybe again), too much, or twice; some get money back. Every
 * order keeps a book of its own, written from nothing but the results that its buyer was given:
 * what is applied, due, refunded, in review, which card. A fact that counts a second time, a code
 * that is none of a sale, an UNKNOWN and a card that is not one are failures.
 *
 * Three steps, each begun by a line on stdin and ended by a line of key=value pairs: `connected`;
 * `loaded`, all buys have ended; `verified`, every order was asked for once more and is as its book
 * says (unpaid ones have expired by then, refused ones are unknown).
 */
#include "conservation.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE_MS    300000
#define CONNECT_MS     30000
#define VERIFY_US      60000000u
#define VERIFY_AT_ONCE 200
#define POLL_MS        5

static void open_clients(const char *url)
{
    struct ordo_client_config config = {
        .url = url, .patience_ms = PATIENCE_MS, .on_answers = on_answers};
    struct ordo_fail why = {0};
    for (uint32_t i = 0; i < load.client_count; i++) {
        if (ordo_client_open(&config, &load.clients[i], &why) != ORDO_OK ||
            ordo_client_connect(load.clients[i], CONNECT_MS, &why) != ORDO_OK) {
            die(url, why.text);
        }
    }
}

static void wait_for_line(void)
{
    char line[32];
    if (fgets(line, sizeof(line), stdin) == NULL) {
        exit(1);
    }
}

static void make_buys(void)
{
    uint32_t slot_count = load.client_count * SLOTS_EACH;
    for (uint32_t i = 0; i < slot_count; i++) {
        load.slots[i].client = i % load.client_count;
    }
    while (load.ended < load.buys) {
        uint64_t now = now_us();
        for (uint32_t i = 0; i < slot_count; i++) {
            struct slot *slot = &load.slots[i];
            if (slot->order == NULL && load.begun < load.buys) {
                begin_buy(slot);
            } else if (slot->order != NULL && slot->wake_us != 0 && slot->wake_us <= now) {
                wake(slot);
            }
        }
        (void)ordo_client_poll_many(load.clients, load.client_count, POLL_MS);
    }
}

/* ---- every order once more ---- */

static void compare(struct order *order, const struct ordo_order_view *view)
{
    bool same_money = view->paid == order->applied && view->refund_due == order->due &&
                      view->refunded == order->refunded && view->review == order->review;
    bool same_state = order->state == view->state;
    if (order->told != order->applied + order->due + order->refunded + order->review) {
        fail(order, "told %" PRId64 " is not what became of it", order->told);
    }
    if (!same_money || !same_state) {
        fail(
            order,
            "%s paid %" PRId64 " due %" PRId64 " refunded %" PRId64 " review %" PRId64
            ", its buyer was told %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
            ordo_state_name(view->state),
            view->paid,
            view->refund_due,
            view->refunded,
            view->review,
            ordo_state_name(order->state),
            order->applied,
            order->due,
            order->refunded,
            order->review);
    }
    if (order->state == ORDO_STATE_COMPLETED &&
        (view->card_count != 1 || view->cards[0] != order->card || !order->has_card)) {
        fail(order, "completed with %u cards, not with the one it was given", view->card_count);
    }
}

static void verify_one(struct order *order, const struct ordo_answer *answer)
{
    struct ordo_mp_reader body = answer->item.body;
    struct ordo_order_view view = {0};
    uint16_t code = answer->item.result.code;
    order->verified = true;
    if (!order->created) {
        if (code != ORDO_RESULT_ORDER_UNKNOWN) {
            fail(order, "was refused, and is there: %s", ordo_result_name(code));
        }
        return;
    }
    if (code != ORDO_RESULT_OK || !answer->item.has_body) {
        fail(order, "cannot be asked for: %s", ordo_result_name(code));
        return;
    }
    ordo_body_order(&body, &view);
    if (order->state == ORDO_STATE_PENDING) {
        order->verified = view.state != ORDO_STATE_PENDING; /* its hold goes on: once more */
        if (!order->verified) {
            return;
        }
        order->state = ORDO_STATE_EXPIRED;
    }
    compare(order, &view);
}

/* From *next on, as many as one request takes; false when there was none. */
static bool verify_some(uint32_t *next)
{
    static struct ordo_command commands[VERIFY_AT_ONCE];
    static struct order *asked[VERIFY_AT_ONCE];
    static char texts[VERIFY_AT_ONCE][TEXT_SIZE];
    const struct ordo_answer *answers = NULL;
    uint32_t count = 0;
    for (; *next < load.buys && count < VERIFY_AT_ONCE; (*next)++) {
        if (!load.orders[*next].verified) {
            commands[count] = (struct ordo_command){.kind = ORDO_KIND_GET};
            commands[count].get.order_id = order_id(*next, texts[count]);
            asked[count++] = &load.orders[*next];
        }
    }
    if (count == 0) {
        return false;
    }
    if (ordo_client_call(load.clients[0], commands, count, PATIENCE_MS, &answers) != ORDO_OK) {
        die("get", "refused");
    }
    for (uint32_t i = 0; i < count; i++) {
        verify_one(asked[i], &answers[i]);
    }
    return true;
}

static void verify(void)
{
    uint64_t until_us = now_us() + VERIFY_US;
    struct timespec rest = {0, 50000000};
    for (bool again = true; again && now_us() < until_us;) {
        uint32_t next = 0;
        again = false;
        while (verify_some(&next)) {
            again = true;
        }
        (void)nanosleep(&rest, NULL);
    }
    for (uint32_t i = 0; i < load.buys; i++) {
        if (!load.orders[i].verified) {
            fail(&load.orders[i], "was never paid and has not expired");
        }
    }
}

/* ---- what is said ---- */

static void say_loaded(void)
{
    struct order sum = {0};
    struct ordo_client_stats all = {0};
    for (uint32_t i = 0; i < load.buys; i++) {
        sum.told += load.orders[i].told;
        sum.applied += load.orders[i].applied;
        sum.due += load.orders[i].due;
        sum.refunded += load.orders[i].refunded;
        sum.review += load.orders[i].review;
    }
    for (uint32_t i = 0; i < load.client_count; i++) {
        struct ordo_client_stats stats;
        ordo_client_stats(load.clients[i], &stats);
        all.commands += stats.commands;
        all.connects += stats.connects;
        all.resends += stats.resends;
    }
    printf(
        "loaded buys=%u refused=%u unknown=%u fails=%u commands=%" PRIu64 " connects=%" PRIu64
        " resends=%" PRIu64 " told=%" PRId64 " applied=%" PRId64 " refund_due=%" PRId64
        " refunded=%" PRId64 " review=%" PRId64,
        load.ended,
        load.refused,
        load.unknown,
        load.fails,
        all.commands,
        all.connects,
        all.resends,
        sum.told,
        sum.applied,
        sum.due,
        sum.refunded,
        sum.review);
    for (int i = 0; i < ORDO_DISPOSITION_COUNT; i++) {
        printf(" facts_%s=%" PRIu64, ordo_disposition_name((uint8_t)i), load.facts_with[i]);
    }
    printf("\n");
}

static void say_verified(void)
{
    uint64_t in_state[ORDO_STATE_COUNT] = {0};
    for (uint32_t i = 0; i < load.buys; i++) {
        in_state[load.orders[i].state]++; /* of a refused one: NONE */
    }
    printf("verified fails=%u", load.fails);
    for (int i = 0; i < ORDO_STATE_COUNT; i++) {
        printf(" orders_%s=%" PRIu64, ordo_state_name((uint8_t)i), in_state[i]);
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        (void)fprintf(stderr, "usage: %s URL WORKER CONNECTIONS BUYS SEED CARDS_FILE\n", argv[0]);
        return 64;
    }
    load.worker = strtoull(argv[2], NULL, 10);
    load.client_count = (uint32_t)strtoul(argv[3], NULL, 10);
    load.buys = (uint32_t)strtoul(argv[4], NULL, 10);
    load.seed = strtoull(argv[5], NULL, 10);
    load.cards = fopen(argv[6], "w");
    load.orders = calloc(load.buys + 1, sizeof(load.orders[0]));
    if (load.cards == NULL || load.orders == NULL || load.client_count < 3 ||
        load.client_count > ORDO_CLIENTS_MAX) {
        die("start", "no file, no memory, or not 3 to 64 connections");
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    open_clients(argv[1]);
    printf("connected connections=%u\n", load.client_count);
    wait_for_line();
    make_buys();
    (void)fclose(load.cards);
    say_loaded();
    wait_for_line();
    verify();
    say_verified();
    for (uint32_t i = 0; i < load.client_count; i++) {
        ordo_client_close(load.clients[i]);
    }
    free(load.orders);
    return load.fails == 0 && load.unknown == 0 ? 0 : 1;
}
