#include "order/domain.h"

#include <inttypes.h>

/* Memory of a state: every table and every derived structure, taken once. Its sizes come from the
 * capacities alone. limits[] is what the settings in force allow, which is what decisions go by, so
 * a node with more memory decides nothing differently.
 */

#define HEAP_OFFSET            2 /* puts the four children of an entry, 4n-2..4n+1, into one line */
#define TRADE_GRANULES_TYPICAL 3 /* 24 bytes: 28 digits take 14, other texts a byte each */

static uint64_t percent_more(int64_t rows)
{
    return (uint64_t)rows + (uint64_t)rows / ORDO_RESERVE_DIVISOR + 1;
}

/* Rows of each table for the settings. */
static void rows_for(const struct ordo_settings_values *v, uint64_t rows[ORDO_TABLE_COUNT])
{
    rows[ORDO_TABLE_HEAD] = 1;
    rows[ORDO_TABLE_PRODUCT] = (uint64_t)v->products_max;
    rows[ORDO_TABLE_CARD] = (uint64_t)v->cards_max;
    rows[ORDO_TABLE_SECRET] = (uint64_t)v->secret_bytes_max / ORDO_SECRET_GRANULE;
    rows[ORDO_TABLE_ORDER] = percent_more(v->orders_max); /* what is more is for orphans */
    rows[ORDO_TABLE_BUYER] = (uint64_t)v->buyers_max;
    rows[ORDO_TABLE_ATTEMPT] = (uint64_t)v->payments_max;
    rows[ORDO_TABLE_MERCHANT] = (uint64_t)v->merchants_max;
    rows[ORDO_TABLE_PAYMENT] = (uint64_t)v->payments_max;
    rows[ORDO_TABLE_TRADE] = (uint64_t)v->payments_max * TRADE_GRANULES_TYPICAL;
    rows[ORDO_TABLE_BALANCE] = (uint64_t)v->balances_max;
    rows[ORDO_TABLE_ID] = (uint64_t)v->ids_max;
    rows[ORDO_TABLE_EXTRA] = (uint64_t)v->extras_max;
    rows[ORDO_TABLE_COUPON] = (uint64_t)v->coupons_max;
    rows[ORDO_TABLE_CHANNEL] = (uint64_t)v->channels_max;
    rows[ORDO_TABLE_SUBSCRIBER] = (uint64_t)v->subscribers_max;
    rows[ORDO_TABLE_PARK] = (uint64_t)v->parks_max;
}

bool ordo_limits_set(struct ordo_state *s, const struct ordo_settings_values *settings)
{
    uint64_t rows[ORDO_TABLE_COUNT];
    rows_for(settings, rows);
    for (uint32_t i = 0; i < ORDO_TABLE_COUNT; i++) {
        if (rows[i] > s->tables[i].rows_max) {
            return false;
        }
    }
    for (uint32_t i = 0; i < ORDO_TABLE_COUNT; i++) {
        s->limits[i] = (uint32_t)rows[i];
    }
    return true;
}

static enum ordo_err fail_for(
    struct ordo_fail *fail, enum ordo_err err, const char *table, uint64_t rows, uint64_t row_size)
{
    if (err == ORDO_ERR_LIMIT) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "%s: %" PRIu64 " rows are more than a table can number: set its capacity lower",
            table,
            rows);
    }
    return ordo_fail_set(
        fail,
        err,
        "%s: no memory for %" PRIu64 " rows of %" PRIu64 " bytes: set its capacity lower",
        table,
        rows,
        row_size);
}

static enum ordo_err create_tables(
    struct ordo_state *s,
    struct ordo_arena *arena,
    const uint64_t rows[ORDO_TABLE_COUNT],
    struct ordo_fail *fail)
{
    static const struct {
        const char *name;
        uint32_t row_size;
        uint32_t chunk_shift;
    } shapes[] = {
#define SHAPE(NAME, name, shift) {#name " rows", sizeof(struct ordo_##name##_row), shift},
        ORDO_TABLES(SHAPE)
#undef SHAPE
    };
    for (uint32_t i = 0; i < ORDO_TABLE_COUNT; i++) {
        enum ordo_err err = ordo_table_create(
            &s->tables[i],
            arena,
            shapes[i].name,
            shapes[i].row_size,
            rows[i],
            shapes[i].chunk_shift);
        if (err != ORDO_OK) {
            return fail_for(fail, err, shapes[i].name, rows[i], shapes[i].row_size);
        }
    }
    return ORDO_OK;
}

static enum ordo_err create_indexes(
    struct ordo_state *s,
    struct ordo_arena *arena,
    const uint64_t rows[ORDO_TABLE_COUNT],
    struct ordo_fail *fail)
{
    static const struct {
        const char *name;
        enum ordo_table_id table;
    } shapes[ORDO_INDEX_COUNT] = {
        [ORDO_INDEX_PRODUCT] = {"product index", ORDO_TABLE_PRODUCT},
        [ORDO_INDEX_CARD] = {"card index", ORDO_TABLE_CARD},
        [ORDO_INDEX_ORDER] = {"order index", ORDO_TABLE_ORDER},
        [ORDO_INDEX_BUYER] = {"buyer index", ORDO_TABLE_BUYER},
        [ORDO_INDEX_MERCHANT] = {"merchant index", ORDO_TABLE_MERCHANT},
        [ORDO_INDEX_PAYMENT] = {"payment index", ORDO_TABLE_PAYMENT},
        [ORDO_INDEX_BALANCE] = {"balance index", ORDO_TABLE_BALANCE},
        [ORDO_INDEX_ID] = {"id index", ORDO_TABLE_ID},
        [ORDO_INDEX_COUPON] = {"coupon index", ORDO_TABLE_COUPON},
        [ORDO_INDEX_CHANNEL] = {"channel index", ORDO_TABLE_CHANNEL},
        [ORDO_INDEX_SUBSCRIBER] = {"subscriber index", ORDO_TABLE_SUBSCRIBER},
        [ORDO_INDEX_PARK] = {"park index", ORDO_TABLE_PARK},
    };
    for (uint32_t i = 0; i < ORDO_INDEX_COUNT; i++) {
        uint64_t count = rows[shapes[i].table];
        enum ordo_err err = ordo_index_create(&s->indexes[i], arena, shapes[i].name, count);
        if (err != ORDO_OK) {
            return fail_for(fail, err, shapes[i].name, count, 6);
        }
    }
    return ORDO_OK;
}

static enum ordo_err create_links(
    struct ordo_state *s, struct ordo_arena *arena, uint64_t orders, struct ordo_fail *fail)
{
    uint64_t places =
        orders + (8 - HEAP_OFFSET - orders % 4) % 4; /* whole lines from its end, too */
    void *links = NULL;
    void *heap = NULL;
    enum ordo_err err =
        ordo_arena_alloc(arena, "order links", orders + 1, sizeof(struct ordo_link), &links);
    if (err == ORDO_OK) {
        err = ordo_arena_alloc(
            arena, "deadlines", places + 1 + HEAP_OFFSET, sizeof(struct ordo_due), &heap);
    }
    if (err != ORDO_OK) {
        return fail_for(fail, err, "deadlines", orders, sizeof(struct ordo_due));
    }
    s->links = links;
    s->deadlines = (struct ordo_deadlines){
        .places = (struct ordo_due *)heap + HEAP_OFFSET, .place_max = (uint32_t)places};
    return ORDO_OK;
}

enum ordo_err ordo_state_create(
    struct ordo_arena *arena,
    const struct ordo_settings_values *settings,
    struct ordo_state **out,
    struct ordo_fail *fail)
{
    for (uint32_t i = 0; ordo_setting_at(i) != NULL; i++) {
        const struct ordo_setting *setting = ordo_setting_at(i);
        int64_t value = ordo_settings_get(settings, setting);
        if (value < setting->min || value > setting->max) {
            return ordo_fail_set(
                fail,
                ORDO_ERR_CONFIG,
                "%s = %" PRId64 " is outside of %" PRId64 "..%" PRId64,
                setting->name,
                value,
                setting->min,
                setting->max);
        }
    }
    void *memory = NULL;
    enum ordo_err err = ordo_arena_alloc(arena, "state", 1, sizeof(struct ordo_state), &memory);
    if (err != ORDO_OK) {
        return fail_for(fail, err, "state", 1, sizeof(struct ordo_state));
    }
    struct ordo_state *s = memory;
    uint64_t rows[ORDO_TABLE_COUNT];
    rows_for(settings, rows);
    err = create_tables(s, arena, rows, fail);
    if (err == ORDO_OK) {
        err = create_indexes(s, arena, rows, fail);
    }
    if (err == ORDO_OK) {
        err = create_links(s, arena, rows[ORDO_TABLE_ORDER], fail);
    }
    if (err != ORDO_OK) {
        return err;
    }
    struct ordo_head_row *head = ordo_head_edit(s, ORDO_HEAD);
    head->settings = *settings;
    head->used[ORDO_TABLE_HEAD] = 1;
    bool fits = ordo_limits_set(s, settings);
    ORDO_ASSERT(fits);
    *out = s;
    return ORDO_OK;
}

/* ---- digest: the tables' digests folded in the order of ORDO_TABLES ---- */

static struct ordo_hash128 fold(struct ordo_hash128 h, struct ordo_hash128 digest)
{
    return ordo_hash_chain(h, &digest, sizeof(digest));
}

struct ordo_hash128 ordo_state_digest(struct ordo_state *state)
{
    struct ordo_hash128 h = {0, 0};
    for (uint32_t i = 0; i < ORDO_TABLE_COUNT; i++) {
        h = fold(h, ordo_table_digest(&state->tables[i], ordo_head(state)->used[i]));
    }
    return h;
}

struct ordo_hash128 ordo_state_digest_full(const struct ordo_state *state)
{
    struct ordo_hash128 h = {0, 0};
    for (uint32_t i = 0; i < ORDO_TABLE_COUNT; i++) {
        h = fold(h, ordo_table_digest_full(&state->tables[i], ordo_head(state)->used[i]));
    }
    return h;
}
