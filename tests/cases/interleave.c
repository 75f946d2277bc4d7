#include "interleave.h"

#include "clerk.h"

#include "base/hash.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define DEPTH_MAX    7
#define SETUP_MAX    4
#define SEEN_BITS    16
#define DISCOUNT     100
#define RECORD_BYTES 1024
#define FRESH_BYTES  (1u << 20)

struct record {
    uint64_t time_us;
    uint32_t command_size;
    uint32_t outcome_size;
    bool journaled;
    uint8_t command[RECORD_BYTES];
    uint8_t outcome[RECORD_BYTES];
};

static struct world {
    struct shop shop;
    struct ordo_settings_values settings;
    const struct plan *plan;
    struct record records[SETUP_MAX + DEPTH_MAX];
    struct ordo_hash128 digests[SETUP_MAX + DEPTH_MAX + 1];
    uint32_t setup;
    uint32_t depth; /* of this build */
    enum event path[DEPTH_MAX];
    int64_t sent[2]; /* money that gateways sent to A and to B, each payment once */
    uint64_t steps;
    uint64_t sequences;
    uint64_t seen[1u << SEEN_BITS]; /* what a client can see of the two orders, as a set */
    uint32_t seen_count;
    uint8_t fresh[FRESH_BYTES]; /* the memory of a state that has decided nothing yet */
} w;

/* ---- the events ---- */

#define S (&w.shop)

static uint16_t send_create(const char *order, uint32_t buyer, uint32_t wait_s)
{
    struct ordo_create *c = make_create(S, order, buyer, 1);
    c->wait_s = wait_s;
    c->coupon = text(w.plan->coupon == 0 ? "" : "c"); /* the price is higher by what it takes off */
    return shop_send(S);
}

/* One more unit; for counted goods this is the product put again. */
static uint16_t restock(uint32_t card)
{
    if (w.plan->mode != ORDO_STOCK_COUNTED) {
        return add_cards(S, 1, card, 1);
    }
    struct ordo_product_put *put = make_goods(S, 1, w.plan->mode, w.plan->options);
    put->counted = 1;
    put->price += w.plan->coupon == 0 ? 0 : DISCOUNT;
    return shop_send(S);
}

static uint16_t send_replace(void)
{
    struct ordo_order_view view = get(S, "A");
    return replace(S, "A", view.card_count == 0 ? 1 : view.cards[0]);
}

static uint16_t send_attempt(void)
{
    (void)make_attempt(S, "A", 1, PRICE);
    return shop_send(S);
}

static uint16_t expire(void)
{
    pass_s(S, 1000);
    return tick(S);
}

#define EVENT(NAME, text, call)                                                                    \
    static void send_##NAME(void)                                                                  \
    {                                                                                              \
        (void)(call);                                                                              \
    }
INTERLEAVE_EVENTS(EVENT)
#undef EVENT

static const struct {
    const char *name;
    void (*send)(void);
} events[] = {
#define EVENT(NAME, text, call) [NAME] = {text, send_##NAME},
    INTERLEAVE_EVENTS(EVENT)
#undef EVENT
};

/* ---- what a client sees, and what it was promised ---- */

static const char *path_text(uint32_t depth)
{
    static char text[256];
    text[0] = 0;
    for (uint32_t i = 0; i < depth; i++) {
        size_t at = strlen(text);
        snprintf(text + at, sizeof(text) - at, "%s%s", i == 0 ? "" : ", ", events[w.path[i]].name);
    }
    return text;
}

#define promised(condition, depth)                                                                 \
    cr_assert(condition, "%s: broken after: %s: %s", w.plan->name, path_text(depth), #condition)

static bool is_honoured(uint8_t state)
{
    return state >= ORDO_STATE_PAID && state <= ORDO_STATE_COMPLETED;
}

static void check_order(const struct ordo_order_view *view, int64_t sent, uint32_t depth)
{
    bool has_units = view->state == ORDO_STATE_ISSUING || view->state == ORDO_STATE_COMPLETED;
    int64_t kept = view->paid + view->refund_due + view->review;
    bool has_cards = w.plan->mode != ORDO_STOCK_COUNTED;
    promised(!has_units || view->card_count == (has_cards ? 1 : 0), depth);
    promised(view->card_count <= 1, depth);
    promised(view->paid == 0 || is_honoured(view->state), depth);
    promised(view->paid <= PRICE, depth);
    promised(!has_units || view->paid > 0 || view->review > 0 || view->refunded > 0, depth);
    promised(view->state != ORDO_STATE_REFUNDING || view->refund_due > 0, depth);
    promised(view->paid >= 0 && view->refund_due >= 0 && view->review >= 0, depth);
    /* mark-paid may have stood for money that never came */
    promised(kept + view->refunded >= sent || view->state == ORDO_STATE_NONE, depth);
    promised(kept + view->refunded <= sent + PRICE, depth);
}

static void see(const struct ordo_order_view *a, const struct ordo_order_view *b, uint64_t stock)
{
    uint64_t key = stock;
    const struct ordo_order_view *both[] = {a, b};
    for (int i = 0; i < 2; i++) {
        key = key * 16 + both[i]->state;
        key = key * 128 + both[i]->flags;
        key = key * 8 + (uint64_t)(both[i]->paid > 0) + 2 * (uint64_t)(both[i]->refund_due > 0) +
              4 * (uint64_t)(both[i]->review > 0);
    }
    uint64_t slot = (key + 1) * 0x9e3779b97f4a7c15ull >> (64 - SEEN_BITS);
    while (w.seen[slot] != 0 && w.seen[slot] != key + 1) {
        slot = (slot + 1) % (1u << SEEN_BITS);
    }
    if (w.seen[slot] == 0) {
        w.seen[slot] = key + 1;
        w.seen_count++;
        cr_assert(w.seen_count < (1u << SEEN_BITS) / 2);
    }
}

static void check(uint32_t depth)
{
    struct ordo_fail fail = {.err = ORDO_OK};
    enum ordo_err err = ordo_state_check(w.shop.state, &fail);
    cr_assert_eq(err, ORDO_OK, "%s: %s, after: %s", w.plan->name, fail.text, path_text(depth));
    struct ordo_hash128 a = w.digests[w.setup + depth];
    struct ordo_hash128 b = ordo_state_digest_full(w.shop.state);
    promised(a.low == b.low && a.high == b.high, depth);
    struct ordo_order_view order_a = get(&w.shop, "A");
    struct ordo_order_view order_b = get(&w.shop, "B");
    struct ordo_stock_view s = stock(&w.shop, 1);
    bool restocked = s.imported == 2;
    check_order(&order_a, w.sent[0], depth);
    check_order(&order_b, w.sent[1], depth);
    promised(s.imported == 1 || restocked, depth);
    bool loops = w.plan->mode == ORDO_STOCK_LOOP;
    promised(loops || s.held + s.bound + s.revealed + s.voided <= s.imported, depth);
    if (!loops && order_a.card_count == 1 && order_b.card_count == 1) {
        promised(order_a.cards[0] != order_b.cards[0], depth);
    }
    if (w.plan->coupon != 0) {
        struct ordo_coupon_view c = coupon(&w.shop, "c");
        promised(c.used - c.returned <= c.uses_max + c.overdrawn, depth);
        promised(c.returned <= c.used && c.used - c.returned <= 2, depth);
    }
    struct ordo_totals totals;
    ordo_state_totals(w.shop.state, &totals);
    int64_t in = totals.accounts[ORDO_ACCOUNT_RECEIVED] + totals.accounts[ORDO_ACCOUNT_MANUAL];
    int64_t out = totals.accounts[ORDO_ACCOUNT_APPLIED] + totals.accounts[ORDO_ACCOUNT_REFUND_DUE] +
                  totals.accounts[ORDO_ACCOUNT_REFUNDED] + totals.accounts[ORDO_ACCOUNT_REVIEW];
    promised(in == out, depth);
    promised(totals.accounts[ORDO_ACCOUNT_RECEIVED] == w.sent[0] + w.sent[1], depth);
    see(&order_a, &order_b, s.held + 3 * s.bound + 9 * s.revealed + 27 * s.voided);
}

/* ---- the journal, and a crash ---- */

static void keep_record(uint32_t index)
{
    struct record *r = &w.records[index];
    r->time_us = w.shop.time_us;
    r->journaled = w.shop.applied.journaled;
    r->command_size = w.shop.command_size;
    r->outcome_size = (uint32_t)w.shop.outcome_size;
    cr_assert(r->command_size <= RECORD_BYTES && r->outcome_size <= RECORD_BYTES);
    memcpy(r->command, w.shop.command_bytes, r->command_size);
    memcpy(r->outcome, w.shop.outcome_bytes, r->outcome_size);
    w.digests[index + 1] = ordo_state_digest(w.shop.state);
}

/* A state is what its arena holds. To throw one away, that memory gets the bytes of a fresh state
 * again: a hundred times as fast as to map it anew. */
static void begin_state(void)
{
    struct ordo_fail fail = {.err = ORDO_OK};
    ordo_arena_init(&w.shop.arena);
    enum ordo_err err = ordo_state_create(&w.shop.arena, &w.settings, &w.shop.state, &fail);
    cr_assert_eq(err, ORDO_OK, "%s", fail.text);
    ordo_arena_seal(&w.shop.arena);
    cr_assert(w.shop.arena.bytes <= FRESH_BYTES, "%zu bytes", w.shop.arena.bytes);
    for (uint32_t i = 0, at = 0; i < w.shop.arena.count; i++) {
        const struct ordo_arena_item *item = &w.shop.arena.items[i];
        memcpy(w.fresh + at, item->base, item->size);
        at += item->size;
    }
}

static void throw_state_away(void)
{
    for (uint32_t i = 0, at = 0; i < w.shop.arena.count; i++) {
        const struct ordo_arena_item *item = &w.shop.arena.items[i];
        memcpy(item->base, w.fresh + at, item->size);
        at += item->size;
    }
}

/* Throws the state away; the first `count` records make it again. */
static void crash_here(uint32_t count, uint32_t depth)
{
    uint8_t bytes[ORDO_OUTCOME_SIZE_MAX];
    struct ordo_applied applied;
    throw_state_away();
    for (uint32_t i = 0; i < count; i++) {
        const struct record *r = &w.records[i];
        struct ordo_writer out = ordo_writer_over(bytes, sizeof(bytes));
        if (r->journaled) {
            struct ordo_bytes command = {r->command, r->command_size};
            ordo_apply(w.shop.state, r->time_us, command, &out, &applied);
            promised(applied.journaled && ordo_writer_size(&out) == r->outcome_size, depth);
            promised(memcmp(bytes, r->outcome, r->outcome_size) == 0, depth);
        }
    }
    struct ordo_hash128 then = w.digests[count];
    struct ordo_hash128 now = ordo_state_digest(w.shop.state);
    promised(then.low == now.low && then.high == now.high, depth);
    w.shop.time_us = w.records[count - 1].time_us + SECOND_US;
    w.shop.next_id = count;
}

/* ---- all sequences ---- */

static bool is_used(enum event event, uint32_t depth)
{
    for (uint32_t i = 0; i < depth; i++) {
        if (w.path[i] == event) {
            return true;
        }
    }
    return false;
}

/* What a gateway sends counts once, whatever became of it. */
static void count_money(enum event event, uint32_t depth, int64_t sign)
{
    bool first = (event == PAY_A && !is_used(PAY_A_AGAIN, depth)) ||
                 (event == PAY_A_AGAIN && !is_used(PAY_A, depth));
    w.sent[0] += first || event == PAY_A_TWICE ? sign * PRICE : 0;
    w.sent[0] += event == PAY_A_SHORT ? sign * (PRICE - 1) : 0;
    w.sent[1] += event == PAY_B ? sign * PRICE : 0;
}

static void step(enum event event, uint32_t depth)
{
    crash_here(w.setup + depth, depth);
    w.path[depth] = event;
    events[event].send();
    count_money(event, depth, 1);
    keep_record(w.setup + depth);
    w.steps++;
    check(depth + 1);
}

/* Depth first without recursion: next[d] is the event of the plan to try at depth d. */
static void walk(void)
{
    uint32_t next[DEPTH_MAX + 1] = {0};
    uint32_t depth = 0;
    while (depth < w.plan->fixed) {
        step(w.plan->events[depth], depth);
        depth++;
    }
    for (;;) {
        while (depth < w.depth && next[depth] < w.plan->count &&
               is_used(w.plan->events[next[depth]], depth)) {
            next[depth]++;
        }
        if (depth < w.depth && next[depth] < w.plan->count) {
            step(w.plan->events[next[depth]++], depth);
            next[++depth] = 0;
            continue;
        }
        w.sequences += depth == w.depth;
        if (depth == w.plan->fixed) {
            return;
        }
        depth--;
        count_money(w.path[depth], depth, -1);
    }
}

/* One unit, and a coupon when the orders name one. */
static void open_sale(void)
{
    struct ordo_product_put *put = make_goods(S, 1, w.plan->mode, w.plan->options);
    put->price += w.plan->coupon == 0 ? 0 : DISCOUNT;
    expect_code(shop_send(S), OK);
    keep_record(w.setup++);
    expect_code(restock(1), OK);
    keep_record(w.setup++);
    if (w.plan->coupon != 0) {
        expect_code(put_coupon(S, "c", DISCOUNT, w.plan->coupon), OK);
        keep_record(w.setup++);
    }
}

void interleave(const struct plan *plan)
{
    ordo_settings_standard(&w.settings);
    w.settings.orders_max = 16;
    w.settings.products_max = 1;
    w.settings.cards_max = 16;
    w.settings.secret_bytes_max = 4096;
    w.settings.payments_max = 32;
    w.settings.ids_max = 64;
    w.settings.buyers_max = 16;
    w.settings.balances_max = 4;
    w.settings.merchants_max = 4;
    w.settings.extras_max = 16;
    w.settings.coupons_max = 1;
    w.settings.channels_max = 1;
    w.settings.subscribers_max = 1;
    w.settings.parks_max = 1;
    w.plan = plan;
#ifdef ORDO_DEBUG_CHECKS
    w.depth = plan->fixed + ((plan->depth - plan->fixed) * 3 + 1) /
                                4; /* costly checks: Release goes all the way */
#else
    w.depth = plan->depth;
#endif
    w.shop.time_us = 1700000000 * SECOND_US;
    begin_state();
    open_sale();
    walk();
    ordo_arena_fini(&w.shop.arena);
    printf(
        "interleave: %s: %lu sequences of %u out of %u events, %lu steps each after a crash, "
        "%u different sights\n",
        plan->name,
        w.sequences,
        w.depth,
        plan->count,
        w.steps,
        w.seen_count);
    char part[32];
    snprintf(part, sizeof(part), "%s", plan->name);
    for (char *at = strchr(part, ' '); at != NULL; at = strchr(at, ' ')) {
        *at = '_';
    }
    printf(
        "RELIABILITY R26 ok part=%s cases=%lu fails=0 events=%u depth=%u crashes=%lu seed=0\n",
        part,
        w.sequences,
        plan->count,
        w.depth,
        w.steps);
    fflush(stdout);
}
