#include "order/image.h"

#include "order/domain.h"

#include <inttypes.h>

/* Sections are the tables in the order of ORDO_TABLES, which therefore only ever grows at its end.
 * How many chunks a section has follows from the head, so the head is loaded first and looked at
 * before anything else is believed.
 */

static const char *const names[ORDO_TABLE_COUNT] = {
#define NAME(NAME_, name, shift) #name,
    ORDO_TABLES(NAME)
#undef NAME
};

bool ordo_image_section(
    const struct ordo_state *state, uint32_t index, struct ordo_image_section *section)
{
    if (index >= ORDO_TABLE_COUNT) {
        return false;
    }
    const struct ordo_table *table = &state->tables[index];
    uint32_t used = ordo_head(state)->used[index];
    *section = (struct ordo_image_section){
        .id = index,
        .name = names[index],
        .row_size = table->row_size,
        .row_shift = table->chunk_shift,
        .used = used,
        .chunks = ordo_table_chunks(table, used),
    };
    return true;
}

const void *
ordo_image_chunk(const struct ordo_state *state, uint32_t section, uint32_t chunk, size_t *size)
{
    ORDO_ASSERT(section < ORDO_TABLE_COUNT);
    ORDO_ASSERT(
        chunk < ordo_table_chunks(&state->tables[section], ordo_head(state)->used[section]));
    return ordo_table_chunk(&state->tables[section], chunk, size);
}

enum ordo_err ordo_image_settings(
    const void *chunk, size_t size, struct ordo_settings_values *settings, struct ordo_fail *fail)
{
    if (size != sizeof(struct ordo_head_row)) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "head: %zu bytes are no head, it has %zu",
            size,
            sizeof(struct ordo_head_row));
    }
    struct ordo_settings_values found;
    memcpy(
        &found, (const uint8_t *)chunk + offsetof(struct ordo_head_row, settings), sizeof(found));
    for (uint32_t i = 0; ordo_setting_at(i) != NULL; i++) {
        const struct ordo_setting *setting = ordo_setting_at(i);
        int64_t value = ordo_settings_get(&found, setting);
        if (value < setting->min || value > setting->max) {
            return ordo_fail_set(
                fail,
                ORDO_ERR_DAMAGED,
                "head: %s = %" PRId64 " is outside of %" PRId64 "..%" PRId64,
                setting->name,
                value,
                setting->min,
                setting->max);
        }
    }
    *settings = found;
    return ORDO_OK;
}

void ordo_image_cursors(
    uint32_t section,
    struct ordo_bytes chunk,
    void (*visit)(void *context, const struct ordo_image_cursor *cursor),
    void *context)
{
    struct ordo_subscriber_row row;
    if (section != ORDO_TABLE_SUBSCRIBER) {
        return;
    }
    for (size_t at = 0; at + sizeof(row) <= chunk.size; at += sizeof(row)) {
        memcpy(&row, chunk.data + at, sizeof(row));
        if (row.name_size != 0 && row.name_size <= ORDO_SUBSCRIBER_MAX) {
            const struct ordo_image_cursor cursor = {
                .shop = row.shop,
                .name = {row.name, row.name_size},
                .acked = row.acked,
                .acked_us = row.acked_us,
            };
            visit(context, &cursor);
        }
    }
}

/* How far tables are filled: believed by everything after it. */
static enum ordo_err check_head(struct ordo_state *s, struct ordo_fail *fail)
{
    struct ordo_settings_values settings;
    enum ordo_err err =
        ordo_image_settings(ordo_head(s), sizeof(struct ordo_head_row), &settings, fail);
    if (err != ORDO_OK) {
        return err;
    }
    if (!ordo_limits_set(s, &settings)) {
        return ordo_fail_set(
            fail, ORDO_ERR_DAMAGED, "head: its capacities are more than memory was taken for");
    }
    for (uint32_t i = 0; i < ORDO_TABLE_COUNT; i++) {
        uint32_t used = ordo_head(s)->used[i];
        if (used > s->limits[i] || (i == ORDO_TABLE_HEAD && used != ORDO_HEAD)) {
            return ordo_fail_set(
                fail,
                ORDO_ERR_DAMAGED,
                "head: %u rows of %s, there is room for %u",
                used,
                names[i],
                s->limits[i]);
        }
    }
    return ORDO_OK;
}

enum ordo_err ordo_image_load(
    struct ordo_state *state,
    uint32_t section,
    uint32_t chunk,
    const void *bytes,
    size_t size,
    struct ordo_fail *fail)
{
    if (section >= ORDO_TABLE_COUNT) {
        return ordo_fail_set(fail, ORDO_ERR_DAMAGED, "section %u is unknown", section);
    }
    struct ordo_table *table = &state->tables[section];
    uint32_t chunks = ordo_table_chunks(table, ordo_head(state)->used[section]);
    size_t chunk_size = (size_t)table->row_size << table->chunk_shift;
    if (chunk >= chunks || size != chunk_size) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "%s: chunk %u of %zu bytes, it has %u of %zu",
            names[section],
            chunk,
            size,
            chunks,
            chunk_size);
    }
    ordo_table_load(table, chunk, bytes);
    return section == ORDO_TABLE_HEAD && chunk == chunks - 1 ? check_head(state, fail) : ORDO_OK;
}
