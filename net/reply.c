#include "net/fault.h"

/* The results of a reply are self-describing: five elements are a decision, three are a query's
 * answer or a refusal at the edge, told apart by the type of the third. A reader skips elements
 * that it does not know at the end of a head or a result, so that a later server may add some.
 */

#define HEAD_COUNT    6
#define HEAD_MIN      5 /* a server before the hint of overload */
#define DECIDED_COUNT 5
#define SHORT_COUNT   3

static bool refuse(struct ordo_wire_fault *fault, const char *part, const struct ordo_mp_reader *in)
{
    return ordo_fault_set(fault, ORDO_RESULT_MALFORMED, "%s: %s", part, in->error);
}

/* ---- encode ---- */

void ordo_reply_begin(
    struct ordo_writer *out,
    uint64_t request_id,
    const struct ordo_reply_head *head,
    uint32_t result_count)
{
    ORDO_ASSERT(result_count <= ORDO_WIRE_COMMANDS_MAX);
    ORDO_ASSERT(head->text.size <= ORDO_WIRE_TEXT_MAX);
    ordo_mp_write_array(out, 4);
    ordo_mp_write_uint(out, ORDO_WIRE_VERSION);
    ordo_mp_write_uint(out, request_id);
    ordo_mp_write_array(out, HEAD_COUNT);
    ordo_mp_write_bin(out, (struct ordo_bytes){head->node, sizeof(head->node)});
    ordo_mp_write_uint(out, head->durable_seq);
    ordo_mp_write_uint(out, head->time_us);
    ordo_mp_write_uint(out, head->code);
    ordo_mp_write_str(out, head->text);
    ordo_mp_write_uint(out, head->retry_ms);
    ordo_mp_write_array(out, result_count);
}

void ordo_reply_result(struct ordo_writer *out, const struct ordo_result *result)
{
    ordo_mp_write_array(out, DECIDED_COUNT);
    ordo_mp_write_uint(out, result->code);
    ordo_mp_write_uint(out, result->seq);
    ordo_mp_write_uint(out, result->state);
    ordo_mp_write_uint(out, result->version);
    ordo_mp_write_uint(out, result->disposition);
}

void ordo_reply_refusal(struct ordo_writer *out, uint16_t code, struct ordo_bytes text)
{
    ORDO_ASSERT(code != ORDO_RESULT_OK);
    ordo_mp_write_array(out, SHORT_COUNT);
    ordo_mp_write_uint(out, code);
    ordo_mp_write_uint(out, 0);
    ordo_mp_write_str(out, text);
}

void ordo_reply_body(struct ordo_writer *out, uint64_t seq)
{
    ordo_mp_write_array(out, SHORT_COUNT);
    ordo_mp_write_uint(out, ORDO_RESULT_OK);
    ordo_mp_write_uint(out, seq);
}

bool ordo_reply_outcome(
    struct ordo_writer *out, uint8_t kind, uint64_t seq, struct ordo_bytes outcome)
{
    struct ordo_reader in = ordo_reader_over(outcome.data, outcome.size);
    struct ordo_result result;
    if (!ordo_result_decode(&in, seq, &result)) {
        return false;
    }
    if (!ordo_kind_is_query(kind)) {
        ordo_reply_result(out, &result);
        return true;
    }
    ordo_mp_write_array(out, SHORT_COUNT);
    ordo_mp_write_uint(out, result.code);
    ordo_mp_write_uint(out, result.seq);
    if (result.code != ORDO_RESULT_OK) {
        ordo_mp_write_nil(out);
        return true;
    }
    return ordo_body_write(out, kind, &in);
}

/* ---- decode ---- */

static void read_head(struct ordo_mp_reader *in, struct ordo_reply_head *head)
{
    uint32_t count = ordo_mp_read_array(in, UINT32_MAX);
    if (in->error == NULL && count < HEAD_MIN) {
        ordo_mp_fail(in, "expected 5 elements");
    }
    struct ordo_bytes node = ordo_mp_read_raw(in, sizeof(head->node));
    if (in->error == NULL && node.size != sizeof(head->node)) {
        ordo_mp_fail(in, "expected 16 bytes of node");
    }
    if (in->error == NULL) {
        memcpy(head->node, node.data, sizeof(head->node));
    }
    head->durable_seq = ordo_mp_read_uint(in, UINT64_MAX);
    head->time_us = ordo_mp_read_uint(in, UINT64_MAX);
    head->code = (uint16_t)ordo_mp_read_uint(in, UINT16_MAX);
    head->text = ordo_mp_read_raw(in, UINT16_MAX);
    head->retry_ms = count > HEAD_MIN ? (uint32_t)ordo_mp_read_uint(in, UINT32_MAX) : 0;
    ordo_mp_skip_rest(in, count, HEAD_COUNT);
}

bool ordo_reply_open(
    struct ordo_reply_reader *reader, struct ordo_bytes frame, struct ordo_wire_fault *fault)
{
    struct ordo_mp_reader *in = &reader->mp;
    *reader = (struct ordo_reply_reader){.mp = ordo_mp_reader_over(frame.data, frame.size)};

    uint32_t count = ordo_mp_read_array(in, UINT32_MAX);
    uint64_t version = ordo_mp_read_uint(in, UINT64_MAX);
    if (in->error == NULL && version != ORDO_WIRE_VERSION) {
        ordo_mp_fail(in, "of another protocol version than 1");
    } else if (in->error == NULL && count < 4) {
        ordo_mp_fail(in, "expected 4 elements");
    }
    reader->request_id = ordo_mp_read_uint(in, UINT64_MAX);
    if (in->error == NULL) {
        read_head(in, &reader->head);
    }
    reader->count = ordo_mp_read_array(in, ORDO_WIRE_COMMANDS_MAX);

    struct ordo_mp_reader end = *in;
    ordo_mp_skip_rest(&end, reader->count, 0);
    ordo_mp_skip_rest(&end, count, 4);
    if (end.error == NULL && !ordo_mp_is_done(&end)) {
        ordo_mp_fail(&end, "bytes follow behind the frame");
    }
    return end.error == NULL || refuse(fault, "reply", &end);
}

bool ordo_reply_next(
    struct ordo_reply_reader *reader, struct ordo_reply_item *item, struct ordo_wire_fault *fault)
{
    ORDO_ASSERT(reader->next < reader->count);
    struct ordo_mp_reader *in = &reader->mp;
    *item = (struct ordo_reply_item){.form = ORDO_REPLY_DECIDED};
    reader->next++;

    uint32_t count = ordo_mp_read_array(in, UINT32_MAX);
    item->result.code = (uint16_t)ordo_mp_read_uint(in, UINT16_MAX);
    item->result.seq = ordo_mp_read_uint(in, UINT64_MAX);
    if (in->error == NULL && count < SHORT_COUNT) {
        ordo_mp_fail(in, "expected at least 3 elements");
    }
    enum ordo_mp_type third = ordo_mp_peek(in);
    if (third == ORDO_MP_UINT || third == ORDO_MP_INT) {
        if (in->error == NULL && count < DECIDED_COUNT) {
            ordo_mp_fail(in, "expected 5 elements");
        }
        item->result.state = (uint8_t)ordo_mp_read_uint(in, UINT8_MAX);
        item->result.version = (uint32_t)ordo_mp_read_uint(in, UINT32_MAX);
        item->result.disposition = (uint8_t)ordo_mp_read_uint(in, UINT8_MAX);
        ordo_mp_skip_rest(in, count, DECIDED_COUNT);
    } else if (third == ORDO_MP_STR) {
        item->form = ORDO_REPLY_REFUSED;
        item->text = ordo_mp_read_raw(in, UINT16_MAX);
        ordo_mp_skip_rest(in, count, SHORT_COUNT);
    } else {
        item->form = ORDO_REPLY_QUERY;
        item->has_body = third == ORDO_MP_ARRAY;
        item->body = *in;
        ordo_mp_skip(in);
        ordo_mp_skip_rest(in, count, SHORT_COUNT);
    }
    return in->error == NULL || refuse(fault, "result", in);
}
