#include "order/parts.h"

#include <inttypes.h>

/* The invariants of cursors and parks; see check.c. Every subscriber is found by its name and has
 * its cursor at or below the head; its parks hang together in the order of parking, as many as it
 * counts, and each is found by its key; rows that are in no subscriber's chain are in that of the
 * free ones.
 */

#define BROKEN(fail, ...) ordo_fail_set(fail, ORDO_ERR_DAMAGED, __VA_ARGS__)

static bool
hangs_right(const struct ordo_state *s, uint32_t row, uint32_t subscriber, uint32_t prev)
{
    const struct ordo_park_row *park = ordo_park_at(s, row);
    struct ordo_bytes order_id = {park->order_id, park->order_id_size};
    return park->subscriber == subscriber && park->prev == prev &&
           park->parked_seq <= ordo_head(s)->seq &&
           (prev == 0 || ordo_park_at(s, prev)->parked_seq < park->parked_seq) &&
           ordo_park_find(s, subscriber, park->order_shop, order_id) == row;
}

static enum ordo_err
check_parks(const struct ordo_state *s, uint32_t subscriber, struct ordo_fail *fail)
{
    const struct ordo_subscriber_row *at = ordo_subscriber_at(s, subscriber);
    uint32_t prev = 0;
    uint32_t count = 0;
    uint32_t row = at->park_first;
    for (; row != 0 && count < at->park_count; row = ordo_park_at(s, row)->next, count++) {
        if (!hangs_right(s, row, subscriber, prev)) {
            return BROKEN(fail, "park row %u does not hang at subscriber %u", row, subscriber);
        }
        prev = row;
    }
    if (row != 0 || count != at->park_count || at->park_last != prev || count > ORDO_PARKS_MAX) {
        return BROKEN(
            fail,
            "subscriber row %u counts %u parks, it has %u",
            subscriber,
            at->park_count,
            count);
    }
    return ORDO_OK;
}

static enum ordo_err
check_subscriber(const struct ordo_state *s, uint32_t row, struct ordo_fail *fail)
{
    const struct ordo_subscriber_row *at = ordo_subscriber_at(s, row);
    struct ordo_bytes name = {at->name, at->name_size};
    if (ordo_subscriber_find(s, at->shop, name) != row) {
        return BROKEN(fail, "subscriber row %u is not found by its name", row);
    }
    if (at->acked > ordo_head(s)->update_seq) {
        return BROKEN(
            fail,
            "subscriber row %u has acked %" PRIu64 " of %" PRIu64,
            row,
            at->acked,
            ordo_head(s)->update_seq);
    }
    return check_parks(s, row, fail);
}

static enum ordo_err
check_free(const struct ordo_state *s, uint32_t subscribers, uint32_t parks, struct ordo_fail *fail)
{
    const struct ordo_head_row *head = ordo_head(s);
    uint32_t row = head->subscriber_free;
    for (; row != 0 && subscribers != 0; row = ordo_subscriber_at(s, row)->next_free) {
        subscribers -= ordo_subscriber_at(s, row)->name_size == 0 ? 1 : subscribers;
    }
    if (row != 0 || subscribers != 0) {
        return BROKEN(fail, "the chain of free subscriber rows is broken");
    }
    for (row = head->park_free; row != 0 && parks != 0; row = ordo_park_at(s, row)->next) {
        parks -= ordo_park_at(s, row)->subscriber == 0 ? 1 : parks;
    }
    return row == 0 && parks == 0 ? ORDO_OK : BROKEN(fail, "the chain of free park rows is broken");
}

enum ordo_err ordo_check_subscribers(const struct ordo_state *s, struct ordo_fail *fail)
{
    const struct ordo_head_row *head = ordo_head(s);
    enum ordo_err err = ORDO_OK;
    uint32_t free_subscribers = 0;
    uint32_t free_parks = head->used[ORDO_TABLE_PARK];
    for (uint32_t row = 1; row <= head->used[ORDO_TABLE_SUBSCRIBER] && err == ORDO_OK; row++) {
        if (ordo_subscriber_at(s, row)->name_size == 0) {
            free_subscribers++;
            continue;
        }
        err = check_subscriber(s, row, fail);
        free_parks -= ordo_subscriber_at(s, row)->park_count;
    }
    return err == ORDO_OK ? check_free(s, free_subscribers, free_parks, fail) : err;
}
