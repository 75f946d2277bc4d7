/* Cursors and parks, as both answer them. */
#include "compare.h"

#include <inttypes.h>
#include <stdio.h>

static bool is(struct pair *pair, const char *what, uint64_t engine, uint64_t oracle)
{
    if (engine != oracle) {
        (void)snprintf(
            pair->why,
            sizeof(pair->why),
            "%s: engine %" PRIu64 ", oracle %" PRIu64,
            what,
            engine,
            oracle);
    }
    return engine == oracle;
}

static bool
same_park(struct pair *pair, const struct ordo_park_view *a, const struct ordo_park_view *b)
{
    return is(pair, "park: shop", a->order_shop, b->order_shop) &&
           is(pair, "park: first update", a->first_update, b->first_update) &&
           is(pair, "park: time", a->parked_us, b->parked_us) &&
           is(pair, "park: order", ordo_bytes_equal(a->order_id, b->order_id), true) &&
           is(pair, "park: reason", ordo_bytes_equal(a->reason, b->reason), true);
}

static bool same_parks(
    struct pair *pair,
    uint64_t time_us,
    uint32_t row,
    uint32_t shop,
    const struct ordo_subscriber_view *of)
{
    struct ordo_command query = {.kind = ORDO_KIND_PARKS, .shop = shop};
    struct ordo_park_view a;
    struct ordo_park_view b;
    uint32_t seen = 0;
    query.parks.subscriber = of->subscriber;
    query.parks.limit = 3; /* pages */
    do {
        if (!is(pair, "code of parks", pair_ask(pair, time_us, &query), ORDO_RESULT_OK)) {
            return false;
        }
        uint64_t count = ordo_read_varint(&pair->body);
        query.parks.after = ordo_read_varint(&pair->body);
        for (uint64_t i = 0; i < count; i++) {
            ordo_park_view_decode(&pair->body, &a);
            bool there = oracle_park(pair->oracle, row, seen++, &b);
            if (!is(pair, "park is there", true, there) || !same_park(pair, &a, &b)) {
                return false;
            }
        }
    } while (query.parks.after != 0);
    return is(pair, "parks of a subscriber", seen, of->parks);
}

static bool same_subscriber(
    struct pair *pair,
    uint64_t time_us,
    const struct ordo_subscriber_view *a,
    uint32_t row,
    uint32_t shop)
{
    struct ordo_subscriber_view b;
    uint32_t of_shop;
    (void)oracle_subscriber(pair->oracle, row, &of_shop, &b);
    bool same = ordo_bytes_equal(a->subscriber, b.subscriber);
    return is(pair, "subscriber", same, true) && is(pair, "subscriber: shop", shop, of_shop) &&
           is(pair, "subscriber: cursor", a->acked, b.acked) &&
           is(pair, "subscriber: time of cursor", a->acked_us, b.acked_us) &&
           is(pair, "subscriber: time of making", a->created_us, b.created_us) &&
           is(pair, "subscriber: parks", a->parks, b.parks) &&
           same_parks(pair, time_us, row, shop, &b);
}

/* The engine's row of a dropped subscriber is taken by the next new one in an order of its own, so
 * each is asked for by name. */
bool pair_same_readers(struct pair *pair, uint64_t time_us)
{
    struct ordo_subscriber_view b;
    uint32_t shop;
    uint64_t there[2] = {0, 0};
    for (uint32_t row = 0; oracle_subscriber(pair->oracle, row, &shop, &b); row++) {
        struct ordo_command query = {.kind = ORDO_KIND_SUBSCRIBER, .shop = shop};
        struct ordo_subscriber_view a;
        if (b.subscriber.size == 0) {
            continue;
        }
        there[shop]++;
        query.subscriber.subscriber = b.subscriber;
        if (!is(pair, "code of subscriber", pair_ask(pair, time_us, &query), ORDO_RESULT_OK)) {
            return false;
        }
        ordo_subscriber_view_decode(&pair->body, &a);
        if (!same_subscriber(pair, time_us, &a, row, shop)) {
            return false;
        }
    }
    for (shop = 0; shop < 2; shop++) {
        struct ordo_command query = {.kind = ORDO_KIND_SUBSCRIBERS, .shop = shop};
        query.subscribers.limit = 256;
        if (!is(pair, "code of subscribers", pair_ask(pair, time_us, &query), ORDO_RESULT_OK) ||
            !is(pair, "subscribers", ordo_read_varint(&pair->body), there[shop])) {
            return false;
        }
    }
    return true;
}
