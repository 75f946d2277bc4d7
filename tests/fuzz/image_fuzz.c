/* Rows of a snapshot bent where their digest would be right: a rebuild takes them or refuses them
 * by table and row, and never runs wild; what it takes can be walked by every check. The input is a
 * list of (section, chunk, offset, value) over the image of a state with orders in it. */
#include "fuzz_state.h"

static uint8_t bent[1 << 20];

static void some_orders(void)
{
    for (uint8_t i = 0; i < 6; i++) {
        char order[4] = {'A', '-', (char)('1' + i), 0};
        struct ordo_bytes id = {(const uint8_t *)order, 3};
        static const uint8_t buyer[ORDO_ID_SIZE] = {1};
        struct ordo_command create = {.kind = ORDO_KIND_CREATE, .shop = 7, .id = {1, i}};
        create.create.order_id = id;
        create.create.buyer = (struct ordo_bytes){buyer, sizeof(buyer)};
        create.create.product = i < 3 ? 1 : 3;
        create.create.quantity = 1;
        create.create.amount = 100;
        create.create.currency = 156;
        fuzz_state_apply(&create, FUZZ_START + i);
        struct ordo_command pay = {.kind = ORDO_KIND_FACT, .shop = 7, .id = {2, i}};
        pay.fact.fact = ORDO_FACT_PAY;
        pay.fact.channel = 1;
        pay.fact.order_id = id;
        pay.fact.trade_no = id;
        pay.fact.amount = i == 4 ? 99 : 100;
        pay.fact.currency = 156;
        pay.fact.verified_by = ORDO_VERIFIED_SIGNATURE;
        if (i % 3 != 0) {
            fuzz_state_apply(&pay, FUZZ_START + 10 + i);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool made;
    struct ordo_image_section section;
    struct ordo_fail fail;
    if (!made) {
        fuzz_state_reset();
        some_orders();
        fuzz_state_check(true);
        made = true;
    }
    struct ordo_state *loaded = fuzz_state_other();
    bool good = true;
    for (uint32_t s = 0; ordo_image_section(fuzz_state, s, &section); s++) {
        for (uint32_t c = 0; c < section.chunks; c++) {
            size_t chunk_size;
            const void *bytes = ordo_image_chunk(fuzz_state, s, c, &chunk_size);
            FUZZ_CHECK(chunk_size <= sizeof(bent));
            memcpy(bent, bytes, chunk_size);
            for (size_t i = 0; i + 5 <= size; i += 5) {
                if (data[i] % 32 == s && data[i + 1] % 2 == c) {
                    bent[(data[i + 2] << 8 | data[i + 3]) % chunk_size] = data[i + 4];
                }
            }
            good = good && ordo_image_load(loaded, s, c, bent, chunk_size, &fail) == ORDO_OK;
        }
    }
    if (good && ordo_state_rebuild(loaded, &fail) == ORDO_OK) {
        (void)ordo_state_check(loaded, &fail);
        (void)ordo_state_digest_full(loaded);
    }
    return 0;
}
