/* field.h - fields of commands and services by their schema, to msgpack and back: inside ordo_wire
 * only.
 *
 * `at` is the field's place in the decoded struct, of the type that order/schema.h gives it. Any
 * thread, pure.
 */
#ifndef ORDO_NET_FIELD_H
#define ORDO_NET_FIELD_H

#include "net/mp.h"
#include "order/schema.h"

uint32_t ordo_field_varint_size(uint64_t value);

/* 0 or empty: what a reader puts when the field was left out. */
bool ordo_field_is_default(const uint8_t *at, const struct ordo_field *field);

void ordo_field_write(struct ordo_writer *out, const uint8_t *at, enum ordo_field_type type);

/* Reads one field to its place, texts point into the frame, elements into the scratch. Returns its
 * size in canonical bytes. */
uint32_t ordo_field_read(
    struct ordo_mp_reader *in,
    const struct ordo_field *field,
    uint8_t *at,
    struct ordo_writer *scratch);

/* A field that was left out is 0 or empty; its size in canonical bytes. */
uint32_t ordo_field_default(const struct ordo_field *field, uint8_t *at);

#endif
