/* update.h - the fields of an update, as they stand in a stream frame and in the answer of a fetch:
 * inside ordo_wire only. What comes before them differs, and so does the count of elements. */
#ifndef ORDO_NET_UPDATE_H
#define ORDO_NET_UPDATE_H

#include "net/mp.h"
#include "order/outcome.h"

#define ORDO_UPDATE_FIELDS 10u /* elements that these two write and read: all but update_seq */

static inline void
ordo_update_fields_write(struct ordo_writer *out, const struct ordo_update *update)
{
    ordo_mp_write_uint(out, update->seq);
    ordo_mp_write_uint(out, update->time_us);
    ordo_mp_write_uint(out, update->shop);
    ordo_mp_write_str(out, update->order_id);
    ordo_mp_write_uint(out, update->version);
    ordo_mp_write_uint(out, update->from);
    ordo_mp_write_uint(out, update->to);
    ordo_mp_write_uint(out, update->cause);
    ordo_mp_write_uint(out, update->disposition);
    ordo_mp_write_uint(out, update->flags);
}

/* order_id points into the frame. */
static inline void ordo_update_fields_read(struct ordo_mp_reader *in, struct ordo_update *update)
{
    update->seq = ordo_mp_read_uint(in, UINT64_MAX);
    update->time_us = ordo_mp_read_uint(in, UINT64_MAX);
    update->shop = (uint32_t)ordo_mp_read_uint(in, UINT32_MAX);
    update->order_id = ordo_mp_read_raw(in, ORDO_ORDER_ID_MAX);
    update->version = (uint32_t)ordo_mp_read_uint(in, UINT32_MAX);
    update->from = (uint8_t)ordo_mp_read_uint(in, UINT8_MAX);
    update->to = (uint8_t)ordo_mp_read_uint(in, UINT8_MAX);
    update->cause = (uint8_t)ordo_mp_read_uint(in, UINT8_MAX);
    update->disposition = (uint8_t)ordo_mp_read_uint(in, UINT8_MAX);
    update->flags = (uint32_t)ordo_mp_read_uint(in, UINT32_MAX);
}

#endif
