/* A command and an outcome as they stand in the journal: what decodes has one form only. The first
 * byte chooses: a command alone, a member of a chain, or a command and behind it an outcome. */
#include "fuzz.h"
#include "order/outcome.h"

#include "order/query.h"

static uint8_t bytes_again[2 * ORDO_COMMAND_SIZE_MAX];

static void command_alone(struct ordo_bytes bytes)
{
    struct ordo_command command;
    if (!ordo_command_decode(bytes, &command)) {
        return;
    }
    struct ordo_writer out = ordo_writer_over(bytes_again, sizeof(bytes_again));
    uint32_t content_size = command.content_size;
    ordo_command_encode(&command, &out);
    FUZZ_CHECK(!out.failed && ordo_writer_size(&out) == bytes.size);
    FUZZ_CHECK(memcmp(bytes_again, bytes.data, bytes.size) == 0);
    FUZZ_CHECK(command.content_size == content_size);
}

static void member(struct ordo_bytes bytes)
{
    struct ordo_command command;
    if (!ordo_member_decode(bytes, &command)) {
        return;
    }
    struct ordo_writer out = ordo_writer_over(bytes_again, sizeof(bytes_again));
    ordo_member_encode(&command, &out);
    FUZZ_CHECK(!out.failed && ordo_writer_size(&out) == bytes.size);
    FUZZ_CHECK(memcmp(bytes_again, bytes.data, bytes.size) == 0);
}

static void visit(void *context, const struct ordo_update *update)
{
    uint32_t *count = context;
    FUZZ_CHECK(update->order_id.size <= ORDO_ORDER_ID_MAX);
    (*count)++;
}

static void outcome(struct ordo_bytes bytes)
{
    static struct ordo_outcome decoded;
    struct ordo_command command = {.kind = ORDO_KIND_CREATE, .shop = 7};
    uint32_t count = 0;
    command.create.order_id = (struct ordo_bytes){(const uint8_t *)"A-1", 3};
    if (!ordo_outcome_decode(bytes, 1000, &command, &decoded)) {
        return;
    }
    FUZZ_CHECK(decoded.effect_count <= ORDO_TRANSITIONS_MAX);
    FUZZ_CHECK(decoded.transition_count <= ORDO_TRANSITIONS_MAX);
    FUZZ_CHECK(decoded.card_count <= ORDO_CARDS_MAX && decoded.posting_count <= ORDO_POSTINGS_MAX);
    struct ordo_writer out = ordo_writer_over(bytes_again, sizeof(bytes_again));
    ordo_outcome_encode(&decoded, 1000, &out);
    FUZZ_CHECK(!out.failed && ordo_writer_size(&out) == bytes.size);
    FUZZ_CHECK(memcmp(bytes_again, bytes.data, bytes.size) == 0);
    ordo_outcome_updates(&decoded, 5, 1, visit, &count);
    FUZZ_CHECK(count == decoded.transition_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size - 1 > ORDO_COMMAND_SIZE_MAX) {
        return 0;
    }
    struct ordo_bytes bytes = {data + 1, (uint32_t)size - 1};
    if (data[0] % 3 == 0) {
        command_alone(bytes);
    } else if (data[0] % 3 == 1) {
        member(bytes);
    } else {
        outcome(bytes);
    }
    return 0;
}
