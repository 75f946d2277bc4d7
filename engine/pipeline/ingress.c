/* Staging: claimed slots that are filled and not yet published. All of a batch carry one time
 * stamp, taken at its first command, so a clock is read once a batch. The command bytes are encoded
 * straight into the command ring: the worst case is reserved, what was written is taken.
 *
 * Apply asks for its next turn by one number, the next deadline: a time asks for a tick then, 0 for
 * a continue at once. One of them is under way at most, since only its end tells what comes next.
 */
#include "pipeline/ingress.h"

#include "base/assert.h"

#include <string.h>

/* All fixed and text fields of the longest command are below this; lists come on top of it. */
#define FIXED_SIZE_MAX 1024

void ordo_ingress_init(
    struct ordo_ingress *ingress,
    struct ordo_sequencer *sequencer,
    struct ordo_timekeeper *keeper,
    const struct ordo_sequence *deadline_us,
    const struct ordo_sequence *applied)
{
    *ingress = (struct ordo_ingress){
        .sequencer = sequencer,
        .keeper = keeper,
        .deadline_us = deadline_us,
        .applied = applied,
    };
}

uint32_t ordo_ingress_room(struct ordo_ingress *ingress, uint32_t wanted)
{
    uint64_t first;
    uint32_t claimed = ordo_sequencer_claim(ingress->sequencer, ingress->staged + wanted, &first);
    return claimed > ingress->staged ? claimed - ingress->staged : 0;
}

static uint32_t size_bound(const struct ordo_command *command)
{
    uint64_t lists = 0;
    if (command->kind == ORDO_KIND_CARD_IMPORT) {
        lists = command->card_import.cards.raw.size;
    } else if (command->kind == ORDO_KIND_SETTINGS) {
        lists = command->settings.pairs.raw.size;
    } else if (command->kind == ORDO_KIND_CHAIN) {
        lists = command->chain.members.raw.size;
    } else if (command->kind == ORDO_KIND_WAIT) {
        lists = command->wait.orders.raw.size;
    }
    ORDO_ASSERT(lists <= ORDO_COMMAND_SIZE_MAX);
    return FIXED_SIZE_MAX + (uint32_t)lists;
}

static uint8_t *reserve(struct ordo_ingress *ingress, uint32_t size, uint64_t *position)
{
    struct ordo_sequencer *sequencer = ingress->sequencer;
    struct ordo_byte_ring *commands = &sequencer->ring->commands;
    uint8_t *room = ordo_byte_ring_reserve(commands, sequencer->command_released, size, position);
    if (room == NULL) {
        uint64_t released = ordo_sequencer_command_released(sequencer);
        room = ordo_byte_ring_reserve(commands, released, size, position);
    }
    return room;
}

enum ordo_err ordo_ingress_put(
    struct ordo_ingress *ingress, struct ordo_command *command, uint64_t token, uint16_t flags)
{
    struct ordo_ring *ring = ingress->sequencer->ring;
    uint64_t position;
    uint64_t first;

    if (ordo_sequencer_claim(ingress->sequencer, ingress->staged + 1, &first) <= ingress->staged) {
        return ORDO_ERR_FULL;
    }
    uint32_t bound = size_bound(command);
    uint8_t *room = reserve(ingress, bound, &position);
    if (room == NULL) {
        return ORDO_ERR_FULL;
    }
    struct ordo_writer out = ordo_writer_over(room, bound);
    ordo_command_encode(command, &out);
    if (out.failed) {
        return ORDO_ERR_LIMIT; /* its lists pass ORDO_COMMAND_SIZE_MAX */
    }
    uint32_t size = (uint32_t)ordo_writer_size(&out);
    if (command->kind == ORDO_KIND_FACT) {
        struct ordo_bytes bytes = {room, size};
        ordo_command_content_hash(bytes, command->content_size, command->id);
        memcpy(room + 1, command->id, ORDO_ID_SIZE);
    }
    ordo_byte_ring_commit(&ring->commands, position, size);
    if (ingress->staged == 0) {
        ingress->batch_us = ordo_timekeeper_now_us(ingress->keeper);
    }
    /* Only ingress's own fields: apply's are read by apply as the end of released outcome bytes. */
    struct ordo_slot *slot = ordo_ring_slot(ring, first + ingress->staged);
    slot->time_us = ingress->batch_us;
    slot->token = token;
    slot->command_at = position;
    slot->command_size = size;
    slot->flags = flags;
    slot->kind = command->kind;
    if (ordo_stamps_is_due(&ring->stamps, &ingress->next_sample, first + ingress->staged) &&
        ingress->received_ns != 0) {
        ordo_stamps_receive(&ring->stamps, first + ingress->staged, ingress->received_ns);
    }
    ingress->staged++;
    return ORDO_OK;
}

uint32_t ordo_ingress_flush(struct ordo_ingress *ingress)
{
    uint32_t staged = ingress->staged;
    if (staged != 0) {
        uint64_t published = ordo_sequence_own(&ingress->sequencer->published);
        ordo_sequencer_publish(ingress->sequencer, published + staged);
        ingress->staged = 0;
    }
    return staged;
}

uint32_t ordo_ingress_tick(struct ordo_ingress *ingress)
{
    if (ordo_sequence_get(ingress->applied) - ingress->tick_cursor > UINT64_MAX / 2) {
        return 0; /* the one before is not applied: the deadline that we see is the old one */
    }
    uint64_t deadline_us = ordo_sequence_get(ingress->deadline_us);
    if (deadline_us == UINT64_MAX || deadline_us > ordo_timekeeper_now_us(ingress->keeper)) {
        return 0;
    }
    if (ingress->staged != 0 && ingress->batch_us < deadline_us) {
        return 0; /* the staged batch has an older stamp: the next cycle has one of its own */
    }
    struct ordo_command command = {.kind = ORDO_KIND_CONTINUE};
    if (deadline_us != 0) {
        command.kind = ORDO_KIND_TICK;
        command.tick.now_us = ingress->staged != 0 ? ingress->batch_us : ingress->keeper->last_us;
    }
    if (ordo_ingress_put(ingress, &command, 0, 0) != ORDO_OK) {
        return 0; /* the ring is full: the deadline stays due */
    }
    ingress->tick_cursor = ordo_sequence_own(&ingress->sequencer->published) + ingress->staged;
    return 1;
}
