#include "net/client/request.h"

#include "base/assert.h"
#include "order/result.h"

#include <stdlib.h>
#include <string.h>

/* The frame lies in `bytes` so that its commands never have to be encoded again: in front of the
 * first command there is room for the largest head (SP prefix, id, frame head). When some commands
 * stay BUSY, theirs are moved together in place and a new head is written right before them; the
 * head of fewer commands is never longer.
 *
 * Results are kept as the bytes they came in and read again when all have ended, so that a caller
 * sees the same whether they came in one reply or in five.
 */

#define HEAD_ROOM 48 /* prefix 9, id 4, frame head: array, version, request id 9, nil, array 3 */

static size_t align8(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

/* Writes everything in front of the commands, which then end at commands_at + size. */
static void put_head(struct ordo_request *request, const struct ordo_sp *sp, uint32_t commands_size)
{
    uint8_t head[HEAD_ROOM];
    uint8_t front[ORDO_SP_PREFIX_MAX + 4];
    struct ordo_writer out = ordo_writer_over(head, sizeof(head));
    ordo_request_begin(&out, request->wire_id & 0x7fffffffu, request->left);
    ORDO_ASSERT(!out.failed);

    uint32_t head_size = (uint32_t)ordo_writer_size(&out);
    uint32_t prefix = (uint32_t)ordo_sp_prefix(sp, front, 4ull + head_size + commands_size);
    for (uint32_t i = 0; i < 4; i++) {
        front[prefix + i] = (uint8_t)(request->wire_id >> (24 - 8 * i));
    }
    uint32_t front_size = prefix + 4;
    ORDO_ASSERT(front_size + head_size <= request->commands_at);
    request->begin = request->commands_at - head_size - front_size;
    request->end = request->commands_at + commands_size;
    request->sent = 0;
    memcpy(request->bytes + request->begin, front, front_size);
    memcpy(request->bytes + request->begin + front_size, head, head_size);
}

struct ordo_request *ordo_request_make(
    const struct ordo_sp *sp,
    uint32_t wire_id,
    struct ordo_bytes encoded,
    const uint32_t *sizes,
    uint32_t count)
{
    size_t spans_at = align8(sizeof(struct ordo_request));
    size_t sizes_at = spans_at + count * sizeof(struct ordo_request_span);
    size_t indexes_at = sizes_at + count * sizeof(uint32_t);
    size_t bytes_at = indexes_at + count * sizeof(uint32_t);
    uint8_t *memory = malloc(bytes_at + HEAD_ROOM + encoded.size);
    if (memory == NULL) {
        return NULL;
    }
    struct ordo_request *request = (struct ordo_request *)(void *)memory;
    memset(request, 0, bytes_at);
    request->wire_id = wire_id;
    request->count = count;
    request->left = count;
    request->spans = (struct ordo_request_span *)(void *)(memory + spans_at);
    request->sizes = (uint32_t *)(void *)(memory + sizes_at);
    request->indexes = (uint32_t *)(void *)(memory + indexes_at);
    request->bytes = memory + bytes_at;
    request->commands_at = HEAD_ROOM;
    memcpy(request->sizes, sizes, count * sizeof(uint32_t));
    memcpy(request->bytes + HEAD_ROOM, encoded.data, encoded.size);
    for (uint32_t i = 0; i < count; i++) {
        request->indexes[i] = i;
    }
    put_head(request, sp, encoded.size);
    return request;
}

void ordo_request_free(struct ordo_request *request)
{
    if (request != NULL) {
        free(request->kept);
        free(request);
    }
}

/* ---- results ---- */

static bool is_retried(uint16_t code)
{
    return code == ORDO_RESULT_BUSY || code == ORDO_RESULT_SHUTTING_DOWN;
}

/* Room for all that a reply may bring, before anything of it is taken. */
static bool reserve(struct ordo_request *request, size_t size)
{
    if (request->kept_room - request->kept_size >= size) {
        return true;
    }
    size_t room = request->kept_size + size;
    uint8_t *grown = room > UINT32_MAX ? NULL : realloc(request->kept, room);
    if (grown == NULL) {
        return false;
    }
    request->kept = grown;
    request->kept_room = (uint32_t)room;
    return true;
}

static void keep(struct ordo_request *request, uint32_t index, struct ordo_bytes bytes)
{
    ORDO_ASSERT(index < request->count);
    ORDO_ASSERT(request->kept_room - request->kept_size >= bytes.size);
    memcpy(request->kept + request->kept_size, bytes.data, bytes.size);
    request->spans[index] = (struct ordo_request_span){request->kept_size, bytes.size};
    request->kept_size += bytes.size;
}

/* A frame that was refused as a whole has no results: each command gets the refusal. */
static bool
take_refusal(struct ordo_request *request, const struct ordo_reply_head *head, uint32_t *busy)
{
    uint8_t element[ORDO_WIRE_TEXT_MAX + 16];
    struct ordo_writer out = ordo_writer_over(element, sizeof(element));
    struct ordo_bytes text = head->text;
    if (text.size > ORDO_WIRE_TEXT_MAX) {
        text.size = ORDO_WIRE_TEXT_MAX;
    }
    if (is_retried(head->code)) {
        *busy = request->left;
        return true;
    }
    ordo_reply_refusal(&out, head->code, text);
    struct ordo_bytes bytes = {element, (uint32_t)ordo_writer_size(&out)};
    if (!reserve(request, (size_t)bytes.size * request->left)) {
        return false;
    }
    for (uint32_t i = 0; i < request->left; i++) {
        keep(request, request->indexes[i], bytes);
    }
    request->left = 0;
    *busy = 0;
    return true;
}

/* Keeps the decided results and moves the commands of the others together. */
static void
take_results(struct ordo_request *request, struct ordo_reply_reader *reader, uint32_t *busy)
{
    uint32_t from = request->commands_at;
    uint32_t to = request->commands_at;
    uint32_t left = 0;
    for (uint32_t i = 0; i < request->left; i++) {
        struct ordo_reply_item item;
        struct ordo_wire_fault fault;
        const uint8_t *begin = reader->mp.at;
        uint32_t size = request->sizes[i];
        bool read = ordo_reply_next(reader, &item, &fault);
        ORDO_ASSERT(read); /* is_answer_to() has read it */
        struct ordo_bytes bytes = {begin, (uint32_t)(reader->mp.at - begin)};
        if (is_retried(item.result.code)) {
            memmove(request->bytes + to, request->bytes + from, size);
            request->sizes[left] = size;
            request->indexes[left] = request->indexes[i];
            left++;
            to += size;
        } else {
            keep(request, request->indexes[i], bytes);
        }
        from += size;
    }
    request->left = left;
    *busy = left;
}

/* Reads every result once before anything is changed. */
static bool is_answer_to(const struct ordo_request *request, const struct ordo_reply_reader *opened)
{
    struct ordo_reply_reader reader = *opened;
    if (reader.request_id != (request->wire_id & 0x7fffffffu)) {
        return reader.request_id == 0 && reader.head.code != 0;
    }
    if (reader.head.code != 0) {
        return true;
    }
    if (reader.count != request->left) {
        return false;
    }
    for (uint32_t i = 0; i < reader.count; i++) {
        struct ordo_reply_item item;
        struct ordo_wire_fault fault;
        if (!ordo_reply_next(&reader, &item, &fault)) {
            return false;
        }
    }
    return true;
}

bool ordo_request_take(
    struct ordo_request *request, const struct ordo_sp *sp, struct ordo_bytes frame, uint32_t *busy)
{
    struct ordo_reply_reader reader;
    struct ordo_wire_fault fault;
    if (!ordo_reply_open(&reader, frame, &fault) || !is_answer_to(request, &reader)) {
        return false;
    }
    if (reader.head.code != 0) {
        if (!take_refusal(request, &reader.head, busy)) {
            return false;
        }
    } else {
        if (!reserve(request, frame.size)) {
            return false;
        }
        take_results(request, &reader, busy);
    }
    request->retry_ms = reader.head.retry_ms;
    memcpy(request->node, reader.head.node, sizeof(request->node));
    uint32_t size = 0;
    for (uint32_t i = 0; i < request->left; i++) {
        size += request->sizes[i];
    }
    put_head(request, sp, size);
    return true;
}

void ordo_request_answers(
    const struct ordo_request *request, uint16_t code, struct ordo_answer *answers)
{
    for (uint32_t i = 0; i < request->count; i++) {
        struct ordo_answer *answer = &answers[i];
        const struct ordo_request_span *span = &request->spans[i];
        *answer =
            (struct ordo_answer){.item = {.form = ORDO_REPLY_REFUSED, .result = {.code = code}}};
        if (span->size == 0) {
            continue;
        }
        struct ordo_wire_fault fault;
        answer->bytes = (struct ordo_bytes){request->kept + span->offset, span->size};
        struct ordo_reply_reader reader = {
            .mp = ordo_mp_reader_over(answer->bytes.data, answer->bytes.size), .count = 1};
        bool read = ordo_reply_next(&reader, &answer->item, &fault);
        ORDO_ASSERT(read); /* it was read before it was kept */
    }
}
