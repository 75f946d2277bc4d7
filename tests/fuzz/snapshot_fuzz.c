/* The values of a snapshot: its meta value, and rows that are put into a state. A digest cannot be
 * guessed and is checked elsewhere; here the rows themselves may be anything, and are taken or
 * refused by name, and never let the rebuild run wild. */
#include "base/arena.h"
#include "fuzz.h"
#include "journal/snapshot_internal.h"
#include "order/image.h"

static void meta(struct ordo_bytes bytes)
{
    struct ordo_snapshot_info info = {0};
    uint32_t section;
    uint32_t chunk;
    ordo_snapshot_meta_read(bytes, &info);
    FUZZ_CHECK(info.section_count <= ORDO_SNAPSHOT_SECTIONS_MAX);
    (void)ordo_snapshot_key_read(bytes, &section, &chunk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ordo_settings_values settings;
    struct ordo_fail fail;
    if (size < 2) {
        return 0;
    }
    struct ordo_bytes bytes = {data + 1, (uint32_t)size - 1};
    if (data[0] % 2 == 0) {
        meta(bytes);
    } else if (ordo_image_settings(bytes.data, bytes.size, &settings, &fail) == ORDO_OK) {
        FUZZ_CHECK(settings.orders_max >= 16);
    }
    return 0;
}
