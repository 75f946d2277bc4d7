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

/* The text as it is kept; its size there. *digits tells which form it is. */
static uint32_t keep(struct ordo_bytes text, uint8_t kept[ORDO_TRADE_NO_MAX], bool *digits)
{
    ORDO_ASSERT(text.size <= ORDO_TRADE_NO_MAX);
    bool all = true;
    for (uint32_t at = 0; at < text.size && all; at += WORD) {
        uint8_t padded[WORD] = {'0', '0', '0', '0', '0', '0', '0', '0'};
        memcpy(padded, text.data + at, text.size - at < WORD ? text.size - at : WORD);
        uint64_t word = ordo_get_le64(padded);
        all = are_digits(word);
        ordo_put_le32(kept + at / 2, pack_digits(word));
    }
    *digits = all;
    if (!all) {
        memcpy(kept, text.data, text.size);
    }
    return all ? (text.size + 1) / 2 : text.size;
}

static uint32_t granules_of(uint32_t size)
{
    return (size + ORDO_TRADE_GRANULE - 1) / ORDO_TRADE_GRANULE;
}

uint32_t ordo_trade_granules(struct ordo_bytes trade_no)
{
    uint8_t kept[ORDO_TRADE_NO_MAX];
    bool digits;
    return granules_of(keep(trade_no, kept, &digits));
}

uint32_t ordo_trade_kept_size(const struct ordo_payment_row *p)
{
    bool digits = (p->flags & ORDO_PAYMENT_DIGITS) != 0;
    return digits ? ((uint32_t)p->trade_size + 1) / 2 : p->trade_size;
}

void ordo_trade_put(struct ordo_state *s, uint32_t payment, struct ordo_bytes trade_no)
{
    uint8_t kept[ORDO_TRADE_NO_MAX];
    bool digits;
    ORDO_ASSERT(trade_no.size > 0);
    uint32_t size = keep(trade_no, kept, &digits);
    uint32_t trade = ordo_rows_take(s, ORDO_TABLE_TRADE, granules_of(size));
    void *rows = ordo_table_write_rows(&s->tables[ORDO_TABLE_TRADE], trade, granules_of(size));
    memcpy(rows, kept, size);
    struct ordo_payment_row *p = ordo_payment_edit(s, payment);
    p->trade = trade;
    p->trade_size = (uint8_t)trade_no.size;
    p->flags = (uint8_t)(p->flags | (digits ? ORDO_PAYMENT_DIGITS : 0));
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
