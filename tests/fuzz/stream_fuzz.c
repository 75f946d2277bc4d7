/* A frame of the status stream as a subscriber reads it; what is taken is written again and read as
 * the same updates. */
#include "fuzz.h"
#include "net/frame.h"

static uint8_t updates[8 * ORDO_WIRE_STREAM_MAX];
static uint8_t frame[9 * ORDO_WIRE_STREAM_MAX];

static bool same(const struct ordo_update *a, const struct ordo_update *b)
{
    uint8_t left[ORDO_UPDATE_SIZE_MAX];
    uint8_t right[ORDO_UPDATE_SIZE_MAX];
    size_t size = ordo_update_bytes(a, left);
    return ordo_update_bytes(b, right) == size && memcmp(left, right, size) == 0;
}

static void check_again(const struct ordo_stream_reader *opened, struct ordo_writer *written)
{
    struct ordo_stream_reader first = *opened;
    struct ordo_stream_reader again;
    struct ordo_wire_fault fault;
    struct ordo_writer out = ordo_writer_over(frame, sizeof(frame));
    struct ordo_bytes body = {written->begin, (uint32_t)ordo_writer_size(written)};
    ordo_stream_updates(
        &out,
        opened->heartbeat.node,
        opened->first_update_seq,
        opened->heartbeat.hash,
        opened->count,
        body);
    FUZZ_CHECK(!out.failed);
    struct ordo_bytes bytes = {frame, (uint32_t)ordo_writer_size(&out)};
    FUZZ_CHECK(ordo_stream_open(&again, bytes, &fault));
    FUZZ_CHECK(again.count == first.count && again.first_update_seq == first.first_update_seq);
    while (again.next < again.count) {
        struct ordo_update one;
        struct ordo_update two;
        FUZZ_CHECK(ordo_stream_next(&first, &one, &fault));
        FUZZ_CHECK(ordo_stream_next(&again, &two, &fault));
        FUZZ_CHECK(same(&one, &two));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ordo_stream_reader reader;
    struct ordo_wire_fault fault;
    if (!ordo_stream_open(&reader, (struct ordo_bytes){data, (uint32_t)size}, &fault)) {
        return 0;
    }
    struct ordo_stream_reader opened = reader;
    struct ordo_writer out = ordo_writer_over(updates, sizeof(updates));
    if (reader.topic != ORDO_TOPIC_UPDATES) {
        return 0;
    }
    while (reader.next < reader.count) {
        struct ordo_update update;
        if (!ordo_stream_next(&reader, &update, &fault)) {
            return 0;
        }
        FUZZ_CHECK(update.order_id.size <= ORDO_ORDER_ID_MAX);
        ordo_stream_update(&out, &update);
    }
    if (!out.failed) {
        check_again(&opened, &out);
    }
    return 0;
}
