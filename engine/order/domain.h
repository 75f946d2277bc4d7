/* domain.h - the inside of a state: the rows of every table, the derived structures beside them,
 * and what a decision under way needs. For the files of engine/order only.
 *
 * Tables are the state: digest, snapshot and image cover them and nothing else. Indexes, state
 * lists and the deadline heap are derived: made again from the rows. Every row has its padding
 * spelled out; rows are zeroed memory and bytes are compared and hashed whole.
 */
#ifndef ORDO_ORDER_DOMAIN_H
#define ORDO_ORDER_DOMAIN_H

#include "order/index.h"
#include "order/machine.h"
#include "order/outcome.h"
#include "order/settings.h"
#include "order/state.h"
#include "order/subscriber_rows.h"
#include "order/table.h"

/* X(NAME, name, log2 of the rows in a chunk) */
#define ORDO_TABLES(X)                                                                             \
    X(HEAD, head, 0)                                                                               \
    X(PRODUCT, product, 6)                                                                         \
    X(CARD, card, 7)                                                                               \
    X(SECRET, secret, 6)                                                                           \
    X(ORDER, order, 6)                                                                             \
    X(BUYER, buyer, 7)                                                                             \
    X(ATTEMPT, attempt, 8)                                                                         \
    X(MERCHANT, merchant, 6)                                                                       \
    X(PAYMENT, payment, 6)                                                                         \
    X(TRADE, trade, 8)                                                                             \
    X(BALANCE, balance, 6)                                                                         \
    X(EXTRA, extra, 7)                                                                             \
    X(COUPON, coupon, 6)                                                                           \
    X(CHANNEL, channel, 6)                                                                         \
    X(ID, id, 7)                                                                                   \
    X(SUBSCRIBER, subscriber, 5)                                                                   \
    X(PARK, park, 6)

enum ordo_table_id {
#define ORDO_TABLE_ENUM(NAME, name, shift) ORDO_TABLE_##NAME,
    ORDO_TABLES(ORDO_TABLE_ENUM)
#undef ORDO_TABLE_ENUM
        ORDO_TABLE_COUNT
};

#define ORDO_HEAD                 1  /* the head's only row */
#define ORDO_SECRET_GRANULE       64 /* bytes of a row of sealed cards */
#define ORDO_TRADE_GRANULE        8  /* bytes of a row of trade numbers */
#define ORDO_TICK_MAX             16 /* due items worked off by one tick */
#define ORDO_ATTEMPTS_MAX         16 /* payment attempts of one order */
#define ORDO_CARD_SIZE_MIN        57 /* tag 16, nonce 24, authenticator 16, one byte of secret */
#define ORDO_CARD_TAG_SIZE        16
#define ORDO_PAYMENTS_TOUCHED_MAX 4  /* payments of one order that one decision moves money of */
#define ORDO_RESERVE_DIVISOR      20 /* 5 % of a table is kept for payment facts and operators */

/* What a whole state counts; no table but this one knows how far it is filled. */
struct ordo_head_row {
    uint64_t seq;
    uint64_t update_seq;
    uint64_t time_us;
    struct ordo_hash128 stream_hash;
    uint64_t facts;
    uint64_t facts_with[ORDO_DISPOSITION_COUNT];
    uint64_t orders_in[ORDO_STATE_COUNT]; /* NONE: orphans' placeholders */
    uint32_t used[ORDO_TABLE_COUNT];      /* rows handed out; ids: highest row ever */
    uint32_t buyer_free;                  /* chain of rows given back */
    uint32_t id_next;                     /* ring: the row the next id goes to */
    uint32_t id_count;                    /* ring: ids remembered, the newest before id_next */
    uint32_t serve_first; /* products with free units whose next owners are still to be served */
    uint32_t serve_last;
    uint32_t id_oldest_s; /* when the oldest of them was decided */
    uint32_t id_newest_s;
    uint32_t subscriber_free; /* chains of rows given back */
    uint32_t park_free;
    uint64_t outcome_hash; /* rolling, over the outcome bytes of every journaled command */
    struct ordo_settings_values settings;
};

struct ordo_product_row {
    uint32_t shop;
    uint32_t product;
    int64_t price;
    uint64_t sale_from_us;
    uint64_t sale_until_us;
    uint64_t imported;
    uint64_t free;
    uint64_t held;
    uint64_t bound;
    uint64_t revealed;
    uint64_t voided;
    uint32_t free_first; /* card rows, first in first out */
    uint32_t free_last;
    uint32_t hold_ttl_s;
    uint32_t purchase_cap;
    uint32_t options;
    uint16_t currency;
    uint8_t stock_mode;
    bool serving;             /* in the head's chain of products to serve */
    uint64_t held_unpaid;     /* the part of `held` that is not paid: bounded by held_share */
    uint32_t backorder_first; /* orders by sequence of payment, linked through their extra rows */
    uint32_t backorder_last;
    uint32_t wait_first; /* orders by sequence of joining */
    uint32_t wait_last;
    uint32_t serve_next;
    uint32_t backorder_count;
    uint32_t wait_count;
    uint16_t held_share; /* of 10000; 0 = all */
    uint8_t reserved[18];
};
_Static_assert(sizeof(struct ordo_product_row) == 160, "product row");

enum ordo_card_state {
    ORDO_CARD_FREE = 1,
    ORDO_CARD_HELD = 2,
    ORDO_CARD_BOUND = 3,
    ORDO_CARD_REVEALED = 4,
    ORDO_CARD_VOID = 5,
};

/* The row number is the card's number everywhere outside. */
struct ordo_card_row {
    uint8_t tag[ORDO_CARD_TAG_SIZE]; /* keyed: finds duplicates without knowing the secret */
    uint32_t product;                /* row */
    uint32_t order;                  /* row; 0 unless held, bound or revealed */
    uint32_t next;                   /* in the product's free queue or the order's cards */
    uint32_t secret;                 /* first granule */
    uint32_t prev;                   /* in the product's free queue */
    uint16_t secret_size;
    uint8_t state;
    uint8_t reserved;
};
_Static_assert(sizeof(struct ordo_card_row) == 40, "card row");

struct ordo_secret_row {
    uint8_t bytes[ORDO_SECRET_GRANULE];
};

enum ordo_units {
    ORDO_UNITS_NONE = 0,
    ORDO_UNITS_HELD = 1,
    ORDO_UNITS_BOUND = 2, /* some may be revealed already, when one was replaced */
    ORDO_UNITS_REVEALED = 3,
};

/* State NONE: nobody created it yet, but a payment fact named it (an orphan's placeholder), or it
 * waits for a unit (flag WAITING). CANCELLED without a product: released before it was created. */
struct ordo_order_row {
    uint8_t order_id[ORDO_ORDER_ID_MAX];
    uint8_t buyer[ORDO_ID_SIZE];
    uint32_t shop;
    uint32_t product; /* row */
    uint8_t quantity;
    uint8_t order_id_size;
    uint8_t state;
    uint8_t flags; /* enum ordo_order_flag */
    uint32_t version;
    int64_t amount;
    uint64_t created_us;
    uint64_t changed_us;  /* last transition */
    uint64_t deadline_us; /* when a tick does something about it; 0 = never */
    uint64_t last_seq;
    uint32_t card;      /* chain of cards */
    uint32_t payment;   /* chain of payments; a summary row first when there are several */
    uint32_t attempt;   /* chain of attempts, newest first */
    uint32_t buyer_row; /* while its units count; 0 = they do not */
    uint32_t extra;     /* row of what few orders have; 0 = none */
    uint8_t units;      /* enum ordo_units: where its units are */
    uint8_t unit_count; /* that it has: its quantity, fewer after a partial issue, 0 for NONE */
    uint8_t tries;      /* of redelivery */
    uint8_t task;       /* of a saga; 0 in this version */
};
_Static_assert(sizeof(struct ordo_order_row) == 128, "order row: two cache lines");

/* Units of one product that a buyer holds unpaid and has paid; or that are held unpaid under one
 * second key: then the product is row | ORDO_SECOND_KEY. */
#define ORDO_SECOND_KEY 0x80000000u
struct ordo_buyer_row {
    uint8_t buyer[ORDO_ID_SIZE];
    uint32_t product; /* row; 0 = a row given back */
    uint32_t held;
    uint32_t paid;
    uint32_t next_free;
};
_Static_assert(sizeof(struct ordo_buyer_row) == 32, "buyer row");

enum ordo_attempt_state { ORDO_ATTEMPT_OPEN = 1, ORDO_ATTEMPT_ENDED = 2 };

struct ordo_attempt_row {
    int64_t amount;
    uint32_t next;
    uint16_t merchant; /* row */
    uint8_t state;
    uint8_t reserved;
};
_Static_assert(sizeof(struct ordo_attempt_row) == 16, "attempt row");

/* A merchant account at a gateway: written once, then one number. */
struct ordo_merchant_row {
    uint32_t shop;
    uint8_t channel;
    uint8_t size;
    uint16_t reserved;
    uint8_t merchant[ORDO_MERCHANT_MAX];
};
_Static_assert(sizeof(struct ordo_merchant_row) == 40, "merchant row");

enum ordo_payment_kind { ORDO_PAYMENT_ONE = 1, ORDO_PAYMENT_SUMMARY = 2 };

enum ordo_payment_flag {
    ORDO_PAYMENT_RECEIVED = 1, /* a PAY was seen; without it only a refund or chargeback was */
    ORDO_PAYMENT_CHARGEBACK = 2,
    ORDO_PAYMENT_MANUAL = 4, /* an operator says so; no trade_no until the real one is bound */
    ORDO_PAYMENT_DIGITS = 8, /* its trade_no is kept as half bytes (trade.c) */
};

/* One payment, or the sums of an order that has several. Applied is what the rest leaves:
 * amount - refund_due - refunded - review. */
struct ordo_payment_row {
    int64_t amount;
    int64_t refund_due;
    int64_t refunded; /* without RECEIVED: the cumulative refund that came before its payment */
    int64_t review;
    uint32_t order; /* row */
    uint32_t next;
    uint32_t trade; /* first granule of the trade_no; SUMMARY: the manual payment not bound yet */
    uint32_t seen_s;
    uint16_t merchant;
    uint16_t currency;
    uint8_t trade_size; /* characters */
    uint8_t disposition;
    uint8_t kind;
    uint8_t flags;
};
_Static_assert(sizeof(struct ordo_payment_row) == 56, "payment row");

struct ordo_trade_row {
    uint8_t bytes[ORDO_TRADE_GRANULE];
};

struct ordo_balance_row {
    uint32_t channel;
    uint32_t currency;
    int64_t accounts[ORDO_ACCOUNT_COUNT];
};
_Static_assert(sizeof(struct ordo_balance_row) == 56, "balance row");

enum ordo_queue { ORDO_QUEUE_NONE = 0, ORDO_QUEUE_BACKORDER = 1, ORDO_QUEUE_WAIT = 2 };

/* What few orders have. A row stays with its order for ever. */
struct ordo_extra_row {
    uint32_t order;      /* row */
    uint32_t coupon;     /* row; 0 = none */
    uint32_t second_row; /* buyer row of the second key while its units count; 0 = they do not */
    uint32_t queue_prev; /* orders */
    uint32_t queue_next;
    uint32_t hold_ttl_s; /* wanted by a waiting order */
    uint32_t card;       /* that the buyer named; 0 = none */
    uint8_t queue;       /* enum ordo_queue */
    bool coupon_live;    /* its use counts */
    uint8_t reserved[2];
};
_Static_assert(sizeof(struct ordo_extra_row) == 32, "extra row");

/* used - returned = uses that count <= uses_max + overdrawn, unless lowered. */
struct ordo_coupon_row {
    uint8_t coupon[ORDO_COUPON_MAX];
    uint32_t shop;
    uint32_t product; /* row; 0 = every product of the shop */
    int64_t discount;
    uint64_t valid_from_us;
    uint64_t valid_until_us;
    uint64_t used;
    uint64_t returned;
    uint64_t overdrawn;
    uint32_t uses_max;
    uint16_t discount_share;
    uint8_t coupon_size;
    bool lowered; /* uses_max was put below the uses that there were */
};
_Static_assert(sizeof(struct ordo_coupon_row) == 96, "coupon row");

struct ordo_channel_row {
    int64_t short_tolerance;
    int64_t over_tolerance;
    int64_t attempt_spread;
    uint32_t shop;
    uint32_t options;
    uint8_t channel;
    uint8_t reserved[7];
};
_Static_assert(sizeof(struct ordo_channel_row) == 40, "channel row");

/* A decided command: enough to give its result again; ids.c packs and unpacks it. Of its content
 * hash 48 bits are kept, of its seq the low 44: an id that is 10^13 commands old is long forgotten.
 * Its time is the step from the id before it in the ring. */
struct ordo_id_row {
    uint8_t id[ORDO_ID_SIZE];
    uint32_t version;
    uint32_t shop;
    uint32_t content_low;
    uint32_t seq_low;
    uint32_t packed; /* code 10 bits, kind 5, disposition 4, step in time 13 */
    uint16_t content_high;
    uint16_t seq_state; /* seq 12 bits, state 4 */
};
_Static_assert(sizeof(struct ordo_id_row) == 40, "id row");

/* ---- derived ---- */

/* Where an order hangs besides its row: the list of its state, and the deadline heap. */
struct ordo_link {
    uint32_t prev;
    uint32_t next;
    uint32_t place; /* among the deadlines; 0 = none */
};

struct ordo_due {
    uint64_t deadline_us;
    uint32_t order;
    uint32_t reserved;
};

/* Two min-heaps by (deadline, order row) in one array of places: holds from place 1 up, what is
 * paid from the last place down. Entry 1 of each is its first due. */
struct ordo_deadlines {
    struct ordo_due *places;
    uint32_t counts[2];
    uint32_t place_max;
};

struct ordo_state_list {
    uint32_t first;
    uint32_t last;
};

enum ordo_index_id {
    ORDO_INDEX_PRODUCT,
    ORDO_INDEX_CARD,
    ORDO_INDEX_ORDER,
    ORDO_INDEX_BUYER,
    ORDO_INDEX_MERCHANT,
    ORDO_INDEX_PAYMENT,
    ORDO_INDEX_BALANCE,
    ORDO_INDEX_ID,
    ORDO_INDEX_COUPON,
    ORDO_INDEX_CHANNEL,
    ORDO_INDEX_SUBSCRIBER,
    ORDO_INDEX_PARK,
    ORDO_INDEX_COUNT
};

#define ORDO_MERCHANTS_MET 8 /* a power of two */

/* What the look-ahead remembers of a command until its group is full (prefetch.c). */
#define ORDO_AHEAD_GROUP  32
#define ORDO_AHEAD_WANTED 8 /* lines of one command in a round, at most */
struct ordo_ahead {
    uint64_t id_hash;
    uint64_t order_hash;
    uint64_t payment_hash;
    uint64_t buyer_hash;
    uint32_t order; /* row; 0 = none */
    uint32_t card;  /* row */
    uint8_t kind;   /* 0 = nothing to look at */
};

struct ordo_state {
    struct ordo_table tables[ORDO_TABLE_COUNT];
    struct ordo_index indexes[ORDO_INDEX_COUNT];
    uint32_t limits[ORDO_TABLE_COUNT]; /* rows that the settings in force allow */
    struct ordo_link *links;           /* by order row */
    struct ordo_state_list lists[ORDO_STATE_COUNT];
    struct ordo_deadlines deadlines;
    struct ordo_settings_values memory; /* capacities that memory was taken for */

    /* the decision under way */
    uint64_t seq; /* it gets, if it is journaled */
    uint64_t now_us;
    uint64_t horizon_s; /* of ids, before it */
    uint64_t id_hash;   /* of its id, when it has one */
    struct ordo_command command;
    struct ordo_outcome outcome;
    struct ordo_hash_input hash_input; /* of the stream hash */

    uint32_t merchants_met[ORDO_MERCHANTS_MET]; /* rows, by channel: looked at before the index */
    struct ordo_ahead ahead[ORDO_AHEAD_GROUP];
    uint32_t ahead_count;
    uint32_t wanted_count;
    const void *wanted[ORDO_AHEAD_GROUP * ORDO_AHEAD_WANTED]; /* lines that a round loads */
};

/* Hash of two words, for keys of fixed size: multiply and fold, a few cycles where a general hash
 * takes tens. */
static inline uint64_t ordo_fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)(a ^ 0x9e3779b97f4a7c15ull) * (b ^ 0xe7037ed1a0b428dbull);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* A word that makes the inner product zero must not make its partners equal: clients choose ids. */
static inline uint64_t ordo_mix(uint64_t a, uint64_t b)
{
    uint64_t swapped = b << 32 | b >> 32;
    return ordo_fold(ordo_fold(a, b) ^ a ^ swapped, 0x8ebc6af09c88c6e3ull);
}

/* Hash of a text for an index: 16 bytes a step, the last ones overlapping. */
uint64_t ordo_text_hash_short(struct ordo_bytes text, uint64_t seed);
static inline uint64_t ordo_text_hash(struct ordo_bytes text, uint64_t seed)
{
    uint64_t h = seed ^ (uint64_t)text.size << 32;
    if (ORDO_UNLIKELY(text.size < 16)) {
        return ordo_text_hash_short(text, h);
    }
    const uint8_t *last = text.data + text.size - 16;
    for (const uint8_t *p = text.data; p < last; p += 16) {
        h = ordo_fold(ordo_get_le64(p) ^ h, ordo_get_le64(p + 8));
    }
    return ordo_mix(ordo_get_le64(last) ^ h, ordo_get_le64(last + 8));
}

/* 16 opaque bytes, as two words. */
static inline bool ordo_id_equal(const uint8_t *a, const uint8_t *b)
{
    return ordo_get_le64(a) == ordo_get_le64(b) && ordo_get_le64(a + 8) == ordo_get_le64(b + 8);
}

/* ordo_order_at(s, row) reads, ordo_order_edit(s, row) writes; so for every table. _own is the row
 * that the command under way has had from _edit before: its chunk is marked already. */
#define ORDO_TABLE_ACCESS(NAME, name, shift)                                                       \
    static inline const struct ordo_##name##_row *ordo_##name##_at(                                \
        const struct ordo_state *s, uint32_t row)                                                  \
    {                                                                                              \
        return (const struct ordo_##name##_row *)(const void *)s->tables[ORDO_TABLE_##NAME].rows + \
               row;                                                                                \
    }                                                                                              \
    static inline struct ordo_##name##_row *ordo_##name##_edit(struct ordo_state *s, uint32_t row) \
    {                                                                                              \
        (void)ordo_table_write(&s->tables[ORDO_TABLE_##NAME], row);                                \
        return (struct ordo_##name##_row *)(void *)s->tables[ORDO_TABLE_##NAME].rows + row;        \
    }                                                                                              \
    static inline struct ordo_##name##_row *ordo_##name##_own(struct ordo_state *s, uint32_t row)  \
    {                                                                                              \
        ORDO_DASSERT(ordo_table_is_marked(&s->tables[ORDO_TABLE_##NAME], row));                    \
        return (struct ordo_##name##_row *)(void *)s->tables[ORDO_TABLE_##NAME].rows + row;        \
    }
ORDO_TABLES(ORDO_TABLE_ACCESS)
#undef ORDO_TABLE_ACCESS

static inline const struct ordo_head_row *ordo_head(const struct ordo_state *s)
{
    return ordo_head_at(s, ORDO_HEAD);
}

static inline const struct ordo_settings_values *ordo_settings_of(const struct ordo_state *s)
{
    return &ordo_head(s)->settings;
}

static inline uint32_t ordo_rows_left(const struct ordo_state *s, enum ordo_table_id table)
{
    return s->limits[table] - ordo_head(s)->used[table];
}

/* Rows that new business leaves to payment facts, refunds and operators. */
static inline uint32_t ordo_rows_reserved(const struct ordo_state *s, enum ordo_table_id table)
{
    return s->limits[table] / ORDO_RESERVE_DIVISOR;
}

/* Rows are handed out one after the other: those to come can be asked for, in the page in use. */
#define ORDO_ROWS_EXPECTED 256 /* bytes ahead */
static inline void ordo_rows_expect(const struct ordo_table *table, uint32_t row)
{
    const uint8_t *ahead = table->rows + (size_t)row * table->row_size + ORDO_ROWS_EXPECTED;
    __builtin_prefetch(ahead, 1);
    if (table->row_size > 64) {
        __builtin_prefetch(ahead + 64, 1);
    }
}

/* Takes count rows side by side that are known to be left; the first of them. */
static inline uint32_t
ordo_rows_take(struct ordo_state *s, enum ordo_table_id table, uint32_t count)
{
    ORDO_ASSERT(ordo_rows_left(s, table) >= count);
    struct ordo_head_row *head = ordo_head_own(s, ORDO_HEAD);
    uint32_t first = head->used[table] + 1;
    head->used[table] += count;
    ordo_rows_expect(&s->tables[table], first + count);
    return first;
}

/* Sets s->limits from settings. False when memory was taken for less. */
bool ordo_limits_set(struct ordo_state *s, const struct ordo_settings_values *settings);

#endif
