/* apply_memory.h - what `ordo bench apply --memory` prints: engine memory of a completed order. */
#ifndef ORDO_BENCH_APPLY_MEMORY_H
#define ORDO_BENCH_APPLY_MEMORY_H

#include "base/err.h"

#include <stdint.h>

/* Takes memory for orders_max orders, touches nothing of it, and prints what each byte is for. */
enum ordo_err ordo_bench_memory(uint32_t orders_max, struct ordo_fail *fail) ORDO_MUST_USE;

#endif
