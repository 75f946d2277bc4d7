#include "bench/e2e_nng.h"

#include "base/assert.h"
#include "bench/e2e_load.h"
#include "bench/nng_echo.h"
#include "order/result.h"

#include <string.h>

static uint32_t nng_write(void *context, uint32_t index, uint8_t *to, uint32_t room)
{
    struct ordo_e2e_nng *nng = context;
    struct ordo_e2e_nng_lane *lane = &nng->lanes[index];
    struct ordo_command command;
    char name[ORDO_E2E_NAME_SIZE];
    if (lane->step == 0) {
        lane->number = atomic_fetch_add(&nng->next, 1);
    }
    (void)ordo_e2e_make(&command, name, lane->step, lane->number);
    memcpy(command.id, &lane->number, sizeof(lane->number));
    command.id[15] = (uint8_t)(1 + lane->step);
    struct ordo_writer out = ordo_writer_over(to, room);
    ordo_request_encode(&out, lane->number, &command, 1);
    ORDO_ASSERT(!out.failed);
    return (uint32_t)ordo_writer_size(&out);
}

static bool nng_read(void *context, uint32_t index, const uint8_t *reply, size_t size)
{
    struct ordo_e2e_nng *nng = context;
    struct ordo_e2e_nng_lane *lane = &nng->lanes[index];
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_wire_fault fault;
    lane->step = (lane->step + 1) % ORDO_E2E_STEPS;
    return ordo_reply_open(&reader, (struct ordo_bytes){reply, (uint32_t)size}, &fault) &&
           reader.count == 1 && ordo_reply_next(&reader, &item, &fault) &&
           item.result.code == ORDO_RESULT_OK;
}

void ordo_e2e_nng_init(struct ordo_e2e_nng *nng, uint64_t numbers)
{
    memset(nng->lanes, 0, sizeof(nng->lanes));
    atomic_init(&nng->next, numbers);
}

enum ordo_err ordo_e2e_nng_run(
    struct ordo_e2e_nng *nng,
    const char *url,
    uint64_t limit_ns,
    double *per_second,
    struct ordo_fail *fail)
{
    const struct ordo_nng_asker asker = {nng, nng_write, nng_read};
    uint64_t bad = 0;
    memset(nng->lanes, 0, sizeof(nng->lanes));
    enum ordo_err err =
        ordo_nng_ask(url, ORDO_E2E_NNG_LANES, &asker, limit_ns, per_second, &bad, fail);
    if (err == ORDO_OK && bad != 0) {
        return ordo_fail_set(
            fail, ORDO_ERR_INVALID, "%llu replies were not OK", (unsigned long long)bad);
    }
    return err;
}
