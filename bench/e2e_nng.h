/* e2e_nng.h - the lifecycles of `ordo bench e2e`, a command a request, by an unmodified REQ client
 * of nng: what a client without libordo gets of a node. One thread; blocks. */
#ifndef ORDO_BENCH_E2E_NNG_H
#define ORDO_BENCH_E2E_NNG_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdint.h>

#define ORDO_E2E_NNG_LANES 64u

struct ordo_e2e_nng_lane {
    uint64_t number; /* of its order */
    uint32_t step;
};

struct ordo_e2e_nng {
    struct ordo_e2e_nng_lane lanes[ORDO_E2E_NNG_LANES];
    _Atomic uint64_t next; /* number of the next order */
};

/* numbers: as of ordo_e2e_open(). */
void ordo_e2e_nng_init(struct ordo_e2e_nng *nng, uint64_t numbers);

/* Commands a second with all lanes in flight, for so long. The product must be there. */
enum ordo_err ordo_e2e_nng_run(
    struct ordo_e2e_nng *nng,
    const char *url,
    uint64_t limit_ns,
    double *per_second,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
