#include "order/parts.h"

/* Rules of a shop's payment channel. A channel that nobody put has none: no tolerance, no spread,
 * and a signed notify is a payment.
 */

#define CHANNEL_OPTIONS_KNOWN ORDO_CHANNEL_CONFIRM_BY_QUERY

uint64_t ordo_channel_hash(uint32_t shop, uint64_t channel)
{
    return ordo_mix(shop, channel);
}

static uint32_t find_channel(const struct ordo_state *s, uint32_t shop, uint64_t channel)
{
    const struct ordo_index *index = &s->indexes[ORDO_INDEX_CHANNEL];
    if (index->count == 0) {
        return 0; /* most nodes have no rules, and every attempt and fact asks twice */
    }
    struct ordo_probe probe;
    uint32_t row = ordo_index_first(index, ordo_channel_hash(shop, channel), &probe);
    for (; row != 0; row = ordo_index_next(index, &probe)) {
        const struct ordo_channel_row *at = ordo_channel_at(s, row);
        if (at->shop == shop && at->channel == channel) {
            return row;
        }
    }
    return 0;
}

const struct ordo_channel_row *
ordo_channel_of(const struct ordo_state *s, uint32_t shop, uint64_t channel)
{
    return ordo_channel_at(s, find_channel(s, shop, channel)); /* row 0 is all zero */
}

uint16_t ordo_decide_channel_put(struct ordo_state *s, const struct ordo_channel_put *put)
{
    if (put->channel == 0 || put->short_tolerance < 0 || put->over_tolerance < 0 ||
        put->attempt_spread < 0 || (put->options & ~(uint64_t)CHANNEL_OPTIONS_KNOWN) != 0) {
        return ORDO_RESULT_CHANNEL_INVALID;
    }
    uint32_t shop = s->command.shop;
    uint32_t row = find_channel(s, shop, put->channel);
    if (row == 0 && ordo_rows_left(s, ORDO_TABLE_CHANNEL) == 0) {
        return ORDO_RESULT_FULL_CHANNELS;
    }
    if (row == 0) {
        row = ordo_rows_take(s, ORDO_TABLE_CHANNEL, 1);
        ordo_index_insert(
            &s->indexes[ORDO_INDEX_CHANNEL], ordo_channel_hash(shop, put->channel), row);
    }
    *ordo_channel_edit(s, row) = (struct ordo_channel_row){
        .short_tolerance = put->short_tolerance,
        .over_tolerance = put->over_tolerance,
        .attempt_spread = put->attempt_spread,
        .shop = shop,
        .options = (uint32_t)put->options,
        .channel = (uint8_t)put->channel,
    };
    return ORDO_RESULT_OK;
}
