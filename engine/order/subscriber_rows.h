/* subscriber_rows.h - the rows of those who read the status stream: cursors, and orders set aside.
 * For domain.h only. */
#ifndef ORDO_ORDER_SUBSCRIBER_ROWS_H
#define ORDO_ORDER_SUBSCRIBER_ROWS_H

#include "order/schema.h"

#define ORDO_PARKS_MAX 1000 /* of one subscriber: a drop takes them all at once */

/* A cursor in the stream. A row given back is zero but for next_free. */
struct ordo_subscriber_row {
    uint8_t name[ORDO_SUBSCRIBER_MAX];
    uint64_t acked;    /* update_seq: everything up to it was worked off */
    uint64_t acked_us; /* when the cursor was last moved */
    uint64_t created_us;
    uint32_t shop;
    uint32_t park_first; /* in the order of parking */
    uint32_t park_last;
    uint32_t park_count;
    uint32_t next_free;
    uint8_t name_size; /* 0 = a row given back */
    uint8_t reserved[3];
};
_Static_assert(sizeof(struct ordo_subscriber_row) == 80, "subscriber row");

/* An order that a subscriber has set aside. A row given back is zero but for next. */
struct ordo_park_row {
    uint8_t order_id[ORDO_ORDER_ID_MAX];
    uint8_t reason[ORDO_REASON_MAX];
    uint64_t first_update; /* update_seq */
    uint64_t parked_seq;   /* of the command: grows along a subscriber's chain */
    uint64_t parked_us;
    uint32_t subscriber; /* row; 0 = a row given back */
    uint32_t order_shop;
    uint32_t prev;
    uint32_t next; /* of the subscriber; of the rows given back */
    uint8_t order_id_size;
    uint8_t reason_size;
    uint8_t reserved[6];
};
_Static_assert(sizeof(struct ordo_park_row) == 144, "park row");

#endif
