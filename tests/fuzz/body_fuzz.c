/* The bodies of queries between engine and wire: outcome bytes of our own apply, which a damaged
 * journal or memory may bend. Written to msgpack or refused, never read past their end. */
#include "fuzz.h"
#include "net/frame.h"

static uint8_t wire[ORDO_WIRE_REPLY_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > ORDO_QUERY_SIZE_MAX) {
        return 0;
    }
    uint8_t kind = (uint8_t)(ORDO_QUERY_FIRST + data[0] % 16);
    struct ordo_reader in = ordo_reader_over(data + 1, size - 1);
    struct ordo_writer out = ordo_writer_over(wire, sizeof(wire));
    if (ordo_schema_of(kind) != NULL) {
        bool good = ordo_body_write(&out, kind, &in);
        FUZZ_CHECK(!good || in.at <= in.end);
        out = ordo_writer_over(wire, sizeof(wire));
        struct ordo_bytes bytes = {data + 1, (uint32_t)size - 1};
        good = ordo_reply_outcome(&out, kind, 9, bytes);
        (void)good; /* an outcome of another kind is refused */
    }
    return 0;
}
