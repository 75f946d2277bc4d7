/* A request as a server reads it: every command that is taken has one canonical form and one
 * msgpack form, and both read back as the same command; a service has one msgpack form. */
#include "fuzz.h"
#include "net/service.h"

static uint8_t scratch[ORDO_COMMAND_SIZE_MAX];
static uint8_t scratch_again[ORDO_COMMAND_SIZE_MAX];
static uint8_t canonical[2 * ORDO_COMMAND_SIZE_MAX];
static uint8_t canonical_again[2 * ORDO_COMMAND_SIZE_MAX];
static uint8_t frame[ORDO_WIRE_REQUEST_MAX];

static size_t to_canonical(struct ordo_command *command, uint8_t *bytes, size_t size)
{
    struct ordo_writer out = ordo_writer_over(bytes, size);
    ordo_command_encode(command, &out);
    return out.failed ? 0 : ordo_writer_size(&out);
}

/* The journaled form decodes to itself. */
static size_t check_canonical(struct ordo_command *command)
{
    struct ordo_command again;
    size_t size = to_canonical(command, canonical, sizeof(canonical));
    if (size == 0 || size > ORDO_COMMAND_SIZE_MAX) {
        return 0; /* ingress refuses it: its lists are too long */
    }
    FUZZ_CHECK(ordo_command_decode((struct ordo_bytes){canonical, (uint32_t)size}, &again));
    size_t size_again = to_canonical(&again, canonical_again, sizeof(canonical_again));
    FUZZ_CHECK(size_again == size && memcmp(canonical, canonical_again, size) == 0);
    return size;
}

static void check_wire(struct ordo_command *command, size_t size)
{
    struct ordo_writer out = ordo_writer_over(frame, sizeof(frame));
    struct ordo_request_reader reader;
    struct ordo_wire_fault fault;
    struct ordo_command again;
    ordo_request_encode(&out, 1, command, 1);
    FUZZ_CHECK(!out.failed);
    struct ordo_bytes bytes = {frame, (uint32_t)ordo_writer_size(&out)};
    FUZZ_CHECK(ordo_request_open(&reader, bytes, &fault));
    struct ordo_writer lists = ordo_writer_over(scratch_again, sizeof(scratch_again));
    FUZZ_CHECK(ordo_request_next(&reader, &again, &lists, &fault));
    /* a fact's id is not sent, the server makes it */
    memcpy(again.id, command->id, sizeof(again.id));
    size_t size_again = to_canonical(&again, canonical_again, sizeof(canonical_again));
    FUZZ_CHECK(size_again == size && memcmp(canonical, canonical_again, size) == 0);
}

static void check_service(struct ordo_request_reader *reader)
{
    static uint8_t again_bytes[ORDO_SERVICE_FRAME_MAX];
    struct ordo_writer lists = ordo_writer_over(scratch, ORDO_SERVICE_SCRATCH);
    struct ordo_wire_fault fault;
    struct ordo_service service;
    if (!ordo_service_read(reader, &service, &lists, &fault)) {
        FUZZ_CHECK(fault.code != 0 && strlen(fault.text) <= ORDO_WIRE_TEXT_MAX);
        return;
    }
    struct ordo_writer out = ordo_writer_over(frame, ORDO_SERVICE_FRAME_MAX);
    ordo_service_encode(&out, 1, &service);
    FUZZ_CHECK(!out.failed);
    struct ordo_bytes bytes = {frame, (uint32_t)ordo_writer_size(&out)};
    struct ordo_request_reader second;
    FUZZ_CHECK(ordo_request_open(&second, bytes, &fault) && ordo_request_is_service(&second));
    lists = ordo_writer_over(scratch_again, ORDO_SERVICE_SCRATCH);
    FUZZ_CHECK(ordo_service_read(&second, &service, &lists, &fault));
    out = ordo_writer_over(again_bytes, sizeof(again_bytes));
    ordo_service_encode(&out, 1, &service);
    FUZZ_CHECK(!out.failed && ordo_writer_size(&out) == bytes.size);
    FUZZ_CHECK(memcmp(again_bytes, frame, bytes.size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ordo_request_reader reader;
    struct ordo_wire_fault fault;
    if (!ordo_request_open(&reader, (struct ordo_bytes){data, (uint32_t)size}, &fault)) {
        FUZZ_CHECK(fault.code != 0 && strlen(fault.text) <= ORDO_WIRE_TEXT_MAX);
        return 0;
    }
    FUZZ_CHECK(reader.count <= ORDO_WIRE_COMMANDS_MAX && reader.class < ORDO_CLASS_COUNT);
    if (ordo_request_is_service(&reader)) {
        check_service(&reader);
        return 0;
    }
    while (reader.next < reader.count) {
        struct ordo_command command;
        struct ordo_writer lists = ordo_writer_over(scratch, sizeof(scratch));
        uint32_t before = reader.next;
        bool good = ordo_request_next(&reader, &command, &lists, &fault);
        FUZZ_CHECK(reader.next == before + 1);
        if (!good) {
            FUZZ_CHECK(fault.code != 0 && strlen(fault.text) <= ORDO_WIRE_TEXT_MAX);
            continue;
        }
        size_t written = check_canonical(&command);
        if (written != 0) {
            check_wire(&command, written);
        }
    }
    return 0;
}
