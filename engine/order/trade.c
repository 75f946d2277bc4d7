#include "order/parts.h"

#include <string.h>

/* The gateways' numbers as they are kept: Alipay, WeChat Pay and most others give 28 to 32 digits,
 * which take half a byte each; any other text takes its bytes. Eight digits are packed at a time: a
 * word of them becomes four bytes by moving each odd nibble beside the even one before it.
 */

#define WORD 8

static bool are_digits(uint64_t word)
{
    uint64_t high = 0xf0f0f0f0f0f0f0f0ull;
    uint64_t threes = 0x3030303030303030ull;
    return (word & high) == threes && ((word + 0x0606060606060606ull) & high) == threes;
}

static uint32_t pack_digits(uint64_t word)
{
    uint64_t x = word & 0x0f0f0f0f0f0f0f0full;
    x = (x << 4 | x >> 8) & 0x00ff00ff00ff00ffull;
    x = (x | x >> 8) & 0x0000ffff0000ffffull;
    return (uint32_t)(x | x >> 16);
}

static bool is_number(struct ordo_bytes text)
{
    if (text.size < WORD) {
        uint32_t digits = 0;
        while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9') {
            digits++;
        }
        return digits == text.size;
    }
    const uint8_t *last = text.data + text.size - WORD;
    bool all = are_digits(ordo_get_le64(last));
    for (const uint8_t *p = text.data; p < last; p += WORD) {
        all = all && are_digits(ordo_get_le64(p));
    }
    return all;
}

static uint32_t kept_size(uint32_t text_size, bool digits)
{
    return digits ? (text_size + 1) / 2 : text_size;
}

static void pack_number(struct ordo_bytes text, uint8_t *kept)
{
    uint32_t at = 0;
    for (; at + WORD <= text.size; at += WORD) {
        ordo_put_le32(kept + at / 2, pack_digits(ordo_get_le64(text.data + at)));
    }
    for (; at < text.size; at++) {
        uint32_t digit = text.data[at] - (uint32_t)'0';
        kept[at / 2] = (uint8_t)(at % 2 == 0 ? digit << 4 : kept[at / 2] | digit);
    }
}

static uint32_t granules_of(uint32_t size)
{
    return (size + ORDO_TRADE_GRANULE - 1) / ORDO_TRADE_GRANULE;
}

uint32_t ordo_trade_granules(struct ordo_bytes trade_no)
{
    return granules_of(kept_size(trade_no.size, is_number(trade_no)));
}

uint32_t ordo_trade_kept_size(const struct ordo_payment_row *p)
{
    return kept_size(p->trade_size, (p->flags & ORDO_PAYMENT_DIGITS) != 0);
}

void ordo_trade_put(struct ordo_state *s, uint32_t payment, struct ordo_bytes trade_no)
{
    ORDO_ASSERT(trade_no.size > 0 && trade_no.size <= ORDO_TRADE_NO_MAX);
    bool digits = is_number(trade_no);
    uint32_t granules = granules_of(kept_size(trade_no.size, digits));
    uint32_t trade = ordo_rows_take(s, ORDO_TABLE_TRADE, granules);
    uint8_t *rows = ordo_table_write_rows(&s->tables[ORDO_TABLE_TRADE], trade, granules);
    struct ordo_payment_row *p = ordo_payment_edit(s, payment);
    p->trade = trade;
    p->trade_size = (uint8_t)trade_no.size;
    if (digits) {
        p->flags |= ORDO_PAYMENT_DIGITS;
        pack_number(trade_no, rows);
    } else {
        memcpy(rows, trade_no.data, trade_no.size);
    }
}

struct ordo_bytes
ordo_trade_get(const struct ordo_state *s, uint32_t payment, uint8_t text[ORDO_TRADE_NO_MAX])
{
    const struct ordo_payment_row *p = ordo_payment_at(s, payment);
    const uint8_t *kept = ordo_trade_at(s, p->trade)->bytes;
    ORDO_ASSERT(p->trade_size <= ORDO_TRADE_NO_MAX);
    if ((p->flags & ORDO_PAYMENT_DIGITS) == 0) {
        return (struct ordo_bytes){kept, p->trade_size};
    }
    for (uint32_t i = 0; i < p->trade_size; i++) {
        text[i] = (uint8_t)('0' + (i % 2 == 0 ? kept[i / 2] >> 4 : kept[i / 2] & 15));
    }
    return (struct ordo_bytes){text, p->trade_size};
}

bool ordo_trade_equal(const struct ordo_state *s, uint32_t payment, struct ordo_bytes trade_no)
{
    uint8_t text[ORDO_TRADE_NO_MAX];
    return ordo_payment_at(s, payment)->trade_size == trade_no.size &&
           ordo_bytes_equal(ordo_trade_get(s, payment, text), trade_no);
}
