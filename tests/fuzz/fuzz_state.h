/* fuzz_state.h - a small state with a genesis, two products, a few cards and a coupon, that is set
 * back to this beginning in microseconds. */
#ifndef ORDO_TESTS_FUZZ_STATE_H
#define ORDO_TESTS_FUZZ_STATE_H

#include "fuzz.h"
#include "order/image.h"

#define FUZZ_START 1700000000000000ull /* engine time of the genesis */

extern struct ordo_state *fuzz_state;

/* The beginning again; makes it at the first call. */
void fuzz_state_reset(void);

/* Encodes and applies; aborts when an outcome does not decode. */
void fuzz_state_apply(struct ordo_command *command, uint64_t now_us);

/* The sums; whole: every invariant, the digests agree, and the image of the state, loaded, has the
 * same digest. That costs as much as some hundred commands. */
void fuzz_state_check(bool whole);

/* A second state with the same settings, freshly made: for images. */
struct ordo_state *fuzz_state_other(void);

#endif
