/* Units and coupons: what the records add up to against what the engine answers when it is asked
 * for each product's stock and each coupon. The queries go the way of a client's.
 *
 * Of units the outcomes say which cards are bound and into what state an order comes: loaded, held,
 * bound and revealed follow. Which free cards a recall made void they do not say: the sum over all
 * states of units is the state's own word, and ordo_state_check's.
 */
#include "audit_law.h"
#include "order/query.h"

#include <inttypes.h>

/* Asks the state; the reader then stands at the body. False: refused. */
static bool
ask(struct ordo_state *state,
    struct ordo_command *query,
    struct ordo_reader *body,
    uint8_t answer[ORDO_QUERY_SIZE_MAX])
{
    uint8_t bytes[256];
    struct ordo_writer command = ordo_writer_over(bytes, sizeof(bytes));
    struct ordo_writer out = ordo_writer_over(answer, ORDO_QUERY_SIZE_MAX);
    struct ordo_head_values head;
    struct ordo_applied applied;
    struct ordo_result result;

    ordo_state_head(state, &head);
    ordo_command_encode(query, &command);
    struct ordo_bytes canonical = {bytes, (uint32_t)ordo_writer_size(&command)};
    ordo_apply(state, head.time_us, canonical, &out, &applied);
    ORDO_ASSERT(!applied.journaled && !command.failed);
    *body = ordo_reader_over(answer, ordo_writer_size(&out));
    return applied.code == ORDO_RESULT_OK && ordo_result_decode(body, head.seq, &result);
}

static bool has_units(uint8_t stock_mode)
{
    return stock_mode != ORDO_STOCK_LOOP && stock_mode != ORDO_STOCK_UNLIMITED;
}

struct stock_sums {
    uint64_t products;
    uint64_t guessed;
    uint64_t loaded[2]; /* by the records, by the state */
    uint64_t held[2];
    uint64_t bound[2];
    uint64_t revealed[2];
    uint64_t backorders[2];
    uint64_t waiting[2];
    uint64_t unlike;   /* products whose numbers differ */
    uint64_t unsummed; /* products whose units are more or fewer than were loaded */
    uint64_t first;    /* of both */
};

static bool is_whole(const struct ordo_stock_view *view)
{
    uint64_t taken = view->held + view->bound + view->revealed + view->voided;
    bool queue = view->backorders + view->waiting != 0; /* then what is free is not for sale */
    return taken <= view->imported && (queue || taken + view->available == view->imported);
}

static void add(uint64_t sums[2], uint64_t records, uint64_t state)
{
    sums[0] += records;
    sums[1] += state;
}

static void add_product(
    const struct ordo_tally_product *product,
    const struct ordo_stock_view *view,
    struct stock_sums *sums)
{
    bool same = product->imported == view->imported && product->backorders == view->backorders &&
                product->waiting == view->waiting && product->held == view->held;

    add(sums->loaded, product->imported, view->imported);
    add(sums->held, product->held, view->held);
    add(sums->backorders, product->backorders, view->backorders);
    add(sums->waiting, product->waiting, view->waiting);
    if (product->guessed) {
        sums->guessed++;
    } else {
        same = same && product->bound == view->bound && product->revealed == view->revealed;
        add(sums->bound, product->bound, view->bound);
        add(sums->revealed, product->revealed, view->revealed);
    }
    bool whole = !has_units(product->stock_mode) || is_whole(view);
    sums->unlike += same ? 0 : 1;
    sums->unsummed += whole ? 0 : 1;
    if ((!same || !whole) && sums->first == 0) {
        sums->first = product->number;
    }
}

static void say(const struct stock_sums *sums, struct ordo_laws *laws)
{
    ordo_law_compare(laws, "I1 units loaded", sums->loaded[0], sums->loaded[1]);
    ordo_law_compare(laws, "I2 units held", sums->held[0], sums->held[1]);
    ordo_law_compare(laws, "I3 units bound", sums->bound[0], sums->bound[1]);
    ordo_law_compare(laws, "I3 units revealed", sums->revealed[0], sums->revealed[1]);
    ordo_law_compare(laws, "back-orders", sums->backorders[0], sums->backorders[1]);
    ordo_law_compare(laws, "orders that wait", sums->waiting[0], sums->waiting[1]);
    ordo_law_add(
        laws,
        ORDO_LAW_BOTH,
        sums->unlike == 0,
        "I1 each product alike",
        "%" PRIu64 " products, %" PRIu64 " with other numbers by the records (first: %" PRIu64
        "); of %" PRIu64 " the state alone says what is issued",
        sums->products,
        sums->unlike,
        sums->unlike == 0 ? 0 : sums->first,
        sums->guessed);
    ordo_law_add(
        laws,
        ORDO_LAW_STATE,
        sums->unsummed == 0,
        "I1 each product whole",
        "loaded = free + held + bound + revealed + void for each; not for %" PRIu64
        " (first: %" PRIu64 ")",
        sums->unsummed,
        sums->unsummed == 0 ? 0 : sums->first);
}

void ordo_law_stock(
    const struct ordo_tally *tally, struct ordo_state *state, struct ordo_laws *laws)
{
    static uint8_t answer[ORDO_QUERY_SIZE_MAX];
    struct stock_sums sums = {.products = tally->product_count};

    for (uint64_t i = 0; i < tally->product_count; i++) {
        const struct ordo_tally_product *product = &tally->products[i];
        struct ordo_command query = {.kind = ORDO_KIND_STOCK, .shop = product->shop};
        struct ordo_stock_view view = {.product = 0};
        struct ordo_reader body;
        query.stock.product = product->number;
        if (ask(state, &query, &body, answer)) {
            ordo_stock_view_decode(&body, &view);
        }
        add_product(product, &view, &sums);
    }
    say(&sums, laws);
}

void ordo_law_coupons(
    const struct ordo_tally *tally, struct ordo_state *state, struct ordo_laws *laws)
{
    static uint8_t answer[ORDO_QUERY_SIZE_MAX];
    uint64_t used = 0;
    uint64_t returned = 0;
    uint64_t overdrawn = 0;
    uint64_t unlike = 0;

    for (uint64_t i = 0; i < tally->coupon_count; i++) {
        const struct ordo_tally_coupon *coupon = &tally->coupons[i];
        struct ordo_command query = {.kind = ORDO_KIND_COUPON, .shop = coupon->shop};
        struct ordo_coupon_view view = {.uses_max = UINT64_MAX};
        struct ordo_reader body;
        query.coupon.coupon = (struct ordo_bytes){coupon->text, coupon->size};
        if (ask(state, &query, &body, answer)) {
            ordo_coupon_view_decode(&body, &view);
        }
        bool same = coupon->uses_max == view.uses_max && coupon->used == view.used &&
                    coupon->returned == view.returned && coupon->overdrawn == view.overdrawn;
        unlike += same ? 0 : 1;
        used += coupon->used;
        returned += coupon->returned;
        overdrawn += coupon->overdrawn;
    }
    ordo_law_add(
        laws,
        ORDO_LAW_BOTH,
        unlike == 0,
        "coupons",
        "used %" PRIu64 " - returned %" PRIu64 " <= limit + overdrawn %" PRIu64
        " at every use; %" PRIu64 " of %" PRIu64 " coupons unlike the state's",
        used,
        returned,
        overdrawn,
        unlike,
        tally->coupon_count);
}
