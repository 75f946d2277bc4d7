#include "fuzz_state.h"

/* Memory of a state as it was after the beginning. */
struct copy {
    struct ordo_arena arena;
    uint8_t *bytes[ORDO_ARENA_ITEMS_MAX];
};

struct ordo_state *fuzz_state;
static struct copy work;
static struct ordo_state *other;
static struct copy blank;
static uint8_t command_bytes[2 * ORDO_COMMAND_SIZE_MAX];
static uint8_t outcome_bytes[ORDO_QUERY_SIZE_MAX];
static struct ordo_outcome outcome;

static void keep(struct copy *copy)
{
    for (uint32_t i = 0; i < copy->arena.count; i++) {
        copy->bytes[i] = malloc(copy->arena.items[i].size + 1);
        FUZZ_CHECK(copy->bytes[i] != NULL);
        memcpy(copy->bytes[i], copy->arena.items[i].base, copy->arena.items[i].size);
    }
}

static void put_back(struct copy *copy)
{
    for (uint32_t i = 0; i < copy->arena.count; i++) {
        memcpy(copy->arena.items[i].base, copy->bytes[i], copy->arena.items[i].size);
    }
}

static void small(struct ordo_settings_values *settings)
{
    ordo_settings_standard(settings);
    for (uint32_t i = 0; ordo_setting_at(i) != NULL; i++) {
        const struct ordo_setting *setting = ordo_setting_at(i);
        int64_t value = setting->min > 32 ? setting->min : 32;
        if (setting->capacity) {
            FUZZ_CHECK(ordo_settings_set(settings, setting, value) == ORDO_OK);
        }
    }
}

static void genesis(const struct ordo_settings_values *settings)
{
    struct ordo_command command = {.kind = ORDO_KIND_SETTINGS, .id = {0xff}};
    uint8_t pairs[1024];
    struct ordo_writer out = ordo_writer_over(pairs, sizeof(pairs));
    for (uint32_t i = 0; ordo_setting_at(i) != NULL; i++) {
        const struct ordo_setting *setting = ordo_setting_at(i);
        if (setting->capacity) {
            ordo_write_varint(&out, setting->key);
            ordo_write_varint(&out, (uint64_t)ordo_settings_get(settings, setting) << 1);
            command.settings.pairs.count++;
        }
    }
    command.settings.pairs.raw = (struct ordo_bytes){pairs, (uint32_t)ordo_writer_size(&out)};
    fuzz_state_apply(&command, FUZZ_START);
}

static void products(void)
{
    for (uint8_t i = 1; i <= 3; i++) {
        struct ordo_command command = {.kind = ORDO_KIND_PRODUCT_PUT, .shop = 7, .id = {0xfe, i}};
        command.product_put.product = i;
        command.product_put.price = 100;
        command.product_put.currency = 156;
        command.product_put.stock_mode = i == 3 ? ORDO_STOCK_COUNTED : i - 1u;
        command.product_put.counted = i == 3 ? 4 : 0;
        fuzz_state_apply(&command, FUZZ_START);
    }
    struct ordo_command command = {.kind = ORDO_KIND_CARD_IMPORT, .shop = 7, .id = {0xfd}};
    uint8_t cards[3 * 58];
    struct ordo_writer out = ordo_writer_over(cards, sizeof(cards));
    for (uint8_t i = 0; i < 3; i++) {
        ordo_write_varint(&out, 57);
        memset(out.at, i + 1, 57);
        out.at += 57;
    }
    command.card_import.product = 1;
    command.card_import.cards =
        (struct ordo_elements){{cards, (uint32_t)ordo_writer_size(&out)}, 3};
    fuzz_state_apply(&command, FUZZ_START);
}

static struct ordo_state *make(struct copy *copy, const struct ordo_settings_values *settings)
{
    struct ordo_state *state;
    struct ordo_fail fail;
    ordo_arena_init(&copy->arena);
    FUZZ_CHECK(ordo_state_create(&copy->arena, settings, &state, &fail) == ORDO_OK);
    return state;
}

void fuzz_state_reset(void)
{
    if (fuzz_state != NULL) {
        put_back(&work);
        return;
    }
    struct ordo_settings_values settings;
    small(&settings);
    other = make(&blank, &settings);
    keep(&blank);
    fuzz_state = make(&work, &settings);
    genesis(&settings);
    products();
    fuzz_state_check(true);
    fuzz_state_apply(&(struct ordo_command){.kind = ORDO_KIND_HEAD}, FUZZ_START);
    keep(&work);
}

struct ordo_state *fuzz_state_other(void)
{
    put_back(&blank);
    return other;
}

void fuzz_state_apply(struct ordo_command *command, uint64_t now_us)
{
    struct ordo_applied applied;
    struct ordo_writer out = ordo_writer_over(command_bytes, sizeof(command_bytes));
    ordo_command_encode(command, &out);
    if (out.failed) {
        return; /* a chain or an import that is too long: ingress refuses it */
    }
    struct ordo_bytes bytes = {command_bytes, (uint32_t)ordo_writer_size(&out)};
    out = ordo_writer_over(outcome_bytes, sizeof(outcome_bytes));
    ordo_apply_prefetch(fuzz_state, bytes);
    ordo_apply(fuzz_state, now_us, bytes, &out, &applied);
    FUZZ_CHECK(!out.failed);
    struct ordo_bytes result = {outcome_bytes, (uint32_t)ordo_writer_size(&out)};
    if (applied.journaled) {
        FUZZ_CHECK(result.size <= ORDO_OUTCOME_SIZE_MAX);
        struct ordo_command decoded;
        FUZZ_CHECK(ordo_command_decode(bytes, &decoded));
        FUZZ_CHECK(ordo_outcome_decode(result, applied.seq, &decoded, &outcome));
        FUZZ_CHECK(outcome.transition_count == applied.update_count);
    }
}

static void check_image(struct ordo_hash128 digest)
{
    struct ordo_state *loaded = fuzz_state_other();
    struct ordo_image_section section;
    struct ordo_fail fail;
    for (uint32_t s = 0; ordo_image_section(fuzz_state, s, &section); s++) {
        for (uint32_t c = 0; c < section.chunks; c++) {
            size_t size;
            const void *bytes = ordo_image_chunk(fuzz_state, s, c, &size);
            FUZZ_CHECK(ordo_image_load(loaded, s, c, bytes, size, &fail) == ORDO_OK);
        }
    }
    enum ordo_err err = ordo_state_rebuild(loaded, &fail);
    if (err != ORDO_OK) {
        fprintf(stderr, "%s\n", fail.text);
    }
    FUZZ_CHECK(err == ORDO_OK);
    struct ordo_hash128 again = ordo_state_digest_full(loaded);
    FUZZ_CHECK(memcmp(&digest, &again, sizeof(digest)) == 0);
}

static void check_ok(enum ordo_err err, const struct ordo_fail *fail)
{
    if (err != ORDO_OK) {
        fprintf(stderr, "%s\n", fail->text);
        abort();
    }
}

void fuzz_state_check(bool whole)
{
    struct ordo_fail fail;
    uint32_t cursor = 0;
    check_ok(ordo_state_check_sums(fuzz_state, &cursor, &fail), &fail);
    if (!whole) {
        return;
    }
    check_ok(ordo_state_check(fuzz_state, &fail), &fail);
    struct ordo_hash128 kept = ordo_state_digest(fuzz_state);
    struct ordo_hash128 again = ordo_state_digest_full(fuzz_state);
    FUZZ_CHECK(memcmp(&kept, &again, sizeof(kept)) == 0);
    check_image(again);
}
