/* slot.h - one cell of the ring: a fixed header; command and outcome bytes lie in two byte rings.
 *
 * Written by ingress (the fields of the command) and then by apply (the fields of the outcome);
 * read by every stage behind them. The ring knows bytes and sequences, never what an order is.
 */
#ifndef ORDO_RING_SLOT_H
#define ORDO_RING_SLOT_H

#include <stdint.h>

enum ordo_slot_flag {
    ORDO_SLOT_JOURNALED = 1, /* apply decided it: it has a seq of its own and goes to the journal */
    ORDO_SLOT_ANSWER = 2,    /* ingress: somebody waits for the result; `token` names him */
    ORDO_SLOT_LAST = 4,      /* ingress: the last slot of its request */
};

struct ordo_slot {
    uint64_t seq;          /* apply: own seq when JOURNALED, else the last seq before this slot */
    uint64_t time_us;      /* ingress: engine time, the same for a whole batch */
    uint64_t token;        /* ingress: opaque to everybody but the reply stage */
    uint64_t command_at;   /* ingress: position in the command ring */
    uint64_t outcome_at;   /* apply: position in the outcome ring */
    uint64_t update_seq;   /* apply: the last update_seq after this slot */
    uint32_t command_size; /* bytes */
    uint32_t outcome_size; /* bytes */
    uint16_t flags;        /* enum ordo_slot_flag */
    uint16_t code;         /* apply: result code */
    uint8_t kind;          /* ingress: the command's kind */
    uint8_t update_count;  /* apply: updates made by this slot */
    uint8_t reserved[2];
};

_Static_assert(sizeof(struct ordo_slot) == 64, "a slot is one cache line");

#endif
