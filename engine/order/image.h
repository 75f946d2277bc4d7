/* image.h - a state as bytes and back: what a snapshot keeps.
 *
 * An image is the rows of every table, in chunks, and nothing else: one section a table, the head's
 * first. Indexes, state lists and the deadline heap are not in it: ordo_state_rebuild() makes them
 * again from the rows. Two states with equal sections have equal digests and decide every further
 * command alike. One thing may differ after a rebuild: the order inside a list of one state among
 * orders whose last transition has the same time stamp; no decision goes by it, only the pages of a
 * LIST query do.
 *
 * To load: make a state with the settings that ordo_image_settings() finds in the image's head,
 * load the head's section, then the others in any order, rebuild, and compare the digest with the
 * one that was kept with the image. Bytes from outside are never trusted: what is out of its range
 * gives DAMAGED with table and row. A byte that is bent within its range only the digest can tell:
 * do not use the state before it was compared.
 */
#ifndef ORDO_ORDER_IMAGE_H
#define ORDO_ORDER_IMAGE_H

#include "base/bytes.h"
#include "order/state.h"

/* Which rows these are: grows whenever the fields of a row or the list of tables change, and goes
 * with every image, because a row does not say what it is. */
#define ORDO_IMAGE_LAYOUT 2

struct ordo_image_section {
    uint32_t id;        /* the same for ever: from 0 without gaps, 0 is the head */
    const char *name;   /* static text */
    uint32_t row_size;  /* bytes */
    uint32_t row_shift; /* a chunk has 1 << row_shift rows */
    uint32_t used;      /* rows handed out: rows 1..used */
    uint32_t chunks;    /* that hold rows 0..used; the tail of the last one is zero */
};

/* The section at index; false past the last. Apply thread. */
bool ordo_image_section(
    const struct ordo_state *state, uint32_t index, struct ordo_image_section *section);

/* The bytes of a chunk of a section, good until the next command. Apply thread. */
const void *
ordo_image_chunk(const struct ordo_state *state, uint32_t section, uint32_t chunk, size_t *size);

/* The settings in the chunk that holds the head's row: its last one. DAMAGED when that is no head.
 * Any thread, pure. */
enum ordo_err ordo_image_settings(
    const void *chunk, size_t size, struct ordo_settings_values *settings, struct ordo_fail *fail)
    ORDO_MUST_USE;

/* Copies a chunk into a state that has decided nothing yet. DAMAGED when the state has no such
 * section, chunk or size. Starter thread. */
enum ordo_err ordo_image_load(
    struct ordo_state *state,
    uint32_t section,
    uint32_t chunk,
    const void *bytes,
    size_t size,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* A subscriber's cursor, as the rows of an image have it. */
struct ordo_image_cursor {
    uint32_t shop;
    struct ordo_bytes name;
    uint64_t acked;
    uint64_t acked_us;
};

/* Visits the cursors in a chunk of an image of this layout; nothing for chunks of other sections.
 * For who needs them without the state. Any thread, pure. */
void ordo_image_cursors(
    uint32_t section,
    struct ordo_bytes chunk,
    void (*visit)(void *context, const struct ordo_image_cursor *cursor),
    void *context);

/* Checks every row and makes the derived structures again; allocates nothing. After an error the
 * state is of no use. DAMAGED names table and row. Starter thread. */
enum ordo_err ordo_state_rebuild(struct ordo_state *state, struct ordo_fail *fail) ORDO_MUST_USE;

#endif
