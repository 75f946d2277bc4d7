#include "net/fault.h"
#include "net/update.h"

/* Stream frames begin with their topic, because nng subscribers filter by the first bytes; what
 * follows is one msgpack value. The updates of a frame are contiguous, so only the first number is
 * sent, and the hash after the last one lets a subscriber prove that it has seen every byte.
 */

#define UPDATES_COUNT   5
#define HEARTBEAT_COUNT 6
#define UPDATE_COUNT    ORDO_UPDATE_FIELDS

void ordo_stream_update(struct ordo_writer *out, const struct ordo_update *update)
{
    ordo_mp_write_array(out, UPDATE_COUNT);
    ordo_update_fields_write(out, update);
}

void ordo_stream_updates(
    struct ordo_writer *out,
    const uint8_t node[16],
    uint64_t first_update_seq,
    const uint8_t hash[16],
    uint32_t count,
    struct ordo_bytes updates)
{
    ORDO_ASSERT(count > 0);
    ORDO_ASSERT(first_update_seq > 0);
    ordo_write_u8(out, ORDO_TOPIC_UPDATES);
    ordo_mp_write_array(out, UPDATES_COUNT);
    ordo_mp_write_uint(out, ORDO_WIRE_VERSION);
    ordo_mp_write_bin(out, (struct ordo_bytes){node, 16});
    ordo_mp_write_uint(out, first_update_seq);
    ordo_mp_write_bin(out, (struct ordo_bytes){hash, 16});
    ordo_mp_write_array(out, count);
    ordo_write_raw(out, updates.data, updates.size);
}

void ordo_stream_heartbeat(struct ordo_writer *out, const struct ordo_heartbeat *heartbeat)
{
    ordo_write_u8(out, ORDO_TOPIC_HEARTBEAT);
    ordo_mp_write_array(out, HEARTBEAT_COUNT);
    ordo_mp_write_uint(out, ORDO_WIRE_VERSION);
    ordo_mp_write_bin(out, (struct ordo_bytes){heartbeat->node, 16});
    ordo_mp_write_uint(out, heartbeat->update_seq);
    ordo_mp_write_bin(out, (struct ordo_bytes){heartbeat->hash, 16});
    ordo_mp_write_uint(out, heartbeat->durable_seq);
    ordo_mp_write_uint(out, heartbeat->time_us);
}

/* ---- decode ---- */

static void read_16(struct ordo_mp_reader *in, uint8_t out[16])
{
    struct ordo_bytes raw = ordo_mp_read_raw(in, 16);
    if (in->error == NULL && raw.size != 16) {
        ordo_mp_fail(in, "expected 16 bytes");
    }
    if (in->error == NULL) {
        memcpy(out, raw.data, 16);
    }
}

bool ordo_stream_open(
    struct ordo_stream_reader *reader, struct ordo_bytes frame, struct ordo_wire_fault *fault)
{
    *reader = (struct ordo_stream_reader){.topic = frame.size == 0 ? 0 : (char)frame.data[0]};
    if (reader->topic != ORDO_TOPIC_UPDATES && reader->topic != ORDO_TOPIC_HEARTBEAT) {
        return ordo_fault_set(fault, ORDO_RESULT_MALFORMED, "stream: unknown topic");
    }
    bool updates = reader->topic == ORDO_TOPIC_UPDATES;
    struct ordo_heartbeat *head = &reader->heartbeat;
    struct ordo_mp_reader *in = &reader->mp;
    *in = ordo_mp_reader_over(frame.data + 1, frame.size - 1);

    uint32_t count = ordo_mp_read_array(in, UINT32_MAX);
    uint64_t version = ordo_mp_read_uint(in, UINT64_MAX);
    if (in->error == NULL && version != ORDO_WIRE_VERSION) {
        ordo_mp_fail(in, "of another protocol version than 1");
    } else if (in->error == NULL && count < (updates ? UPDATES_COUNT : HEARTBEAT_COUNT)) {
        ordo_mp_fail(in, "has too few elements");
    }
    read_16(in, head->node);
    head->update_seq = ordo_mp_read_uint(in, UINT64_MAX);
    read_16(in, head->hash);
    struct ordo_mp_reader end = *in;
    if (updates) {
        reader->count = ordo_mp_read_array(in, ORDO_WIRE_UPDATES_MAX);
        end = *in;
        ordo_mp_skip_rest(&end, reader->count, 0);
        ordo_mp_skip_rest(&end, count, UPDATES_COUNT);
        reader->first_update_seq = head->update_seq;
        head->update_seq += reader->count - (reader->count == 0 ? 0 : 1);
    } else {
        head->durable_seq = ordo_mp_read_uint(&end, UINT64_MAX);
        head->time_us = ordo_mp_read_uint(&end, UINT64_MAX);
        ordo_mp_skip_rest(&end, count, HEARTBEAT_COUNT);
    }
    if (end.error == NULL && !ordo_mp_is_done(&end)) {
        ordo_mp_fail(&end, "bytes follow behind the frame");
    } else if (
        end.error == NULL && updates && (reader->count == 0 || reader->first_update_seq == 0)) {
        ordo_mp_fail(&end, "names no update");
    }
    if (end.error != NULL) {
        return ordo_fault_set(fault, ORDO_RESULT_MALFORMED, "stream: %s", end.error);
    }
    return true;
}

bool ordo_stream_next(
    struct ordo_stream_reader *reader, struct ordo_update *update, struct ordo_wire_fault *fault)
{
    ORDO_ASSERT(reader->next < reader->count);
    struct ordo_mp_reader *in = &reader->mp;
    uint32_t count = ordo_mp_read_array(in, UINT32_MAX);
    if (in->error == NULL && count < UPDATE_COUNT) {
        ordo_mp_fail(in, "expected 10 elements");
    }
    update->update_seq = reader->first_update_seq + reader->next++;
    ordo_update_fields_read(in, update);
    ordo_mp_skip_rest(in, count, UPDATE_COUNT);
    if (in->error != NULL) {
        return ordo_fault_set(fault, ORDO_RESULT_MALFORMED, "update: %s", in->error);
    }
    return true;
}
