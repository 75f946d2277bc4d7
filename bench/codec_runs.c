/* What is written goes to the same room again and again, as a server's does that reuses its
 * buffers: the frames lie in the second-level cache, and what counts is the codec's own work. */
#include "bench/codec_runs.h"

#include <string.h>

#define LIVE        4096u
#define KEPT_SIZE   (8u << 20)
#define FRAMES_SIZE (4u << 20)

static const uint8_t node[16] = {1};

/* ---- material ---- */

static struct ordo_bytes keep(struct ordo_codec *codec, struct ordo_bytes bytes)
{
    uint8_t *at = codec->kept + codec->kept_size;
    ORDO_ASSERT(codec->kept_size + bytes.size <= KEPT_SIZE);
    memcpy(at, bytes.data, bytes.size);
    codec->kept_size += bytes.size;
    return (struct ordo_bytes){at, bytes.size};
}

static void take_update(void *context, const struct ordo_update *update)
{
    struct ordo_codec *codec = context;
    ORDO_ASSERT(codec->update_count < ORDO_CODEC_UPDATES);
    codec->updates[codec->update_count] = *update;
    codec->updates[codec->update_count++].order_id = keep(codec, update->order_id);
}

static void hear(
    void *context,
    uint64_t time_us,
    struct ordo_bytes command,
    struct ordo_bytes outcome,
    const struct ordo_applied *applied)
{
    static struct ordo_outcome decided;
    struct ordo_codec *codec = context;
    uint32_t index = codec->command_count++;
    ORDO_ASSERT(index < ORDO_CODEC_COMMANDS);
    codec->outcomes[index] = keep(codec, outcome);
    bool good = ordo_command_decode(keep(codec, command), &codec->commands[index]);
    ORDO_ASSERT(good);
    good = ordo_outcome_decode(
        codec->outcomes[index], applied->seq, &codec->commands[index], &decided);
    ORDO_ASSERT(good);
    uint64_t first = applied->update_seq - applied->update_count + 1;
    ordo_outcome_updates(&decided, time_us, first, take_update, codec);
}

/* Each frame once, to have its bytes. */
static void keep_frames(
    struct ordo_codec *codec,
    struct ordo_codec_frames *frames,
    uint32_t items,
    size_t (*write)(struct ordo_codec *codec, uint32_t frame))
{
    for (uint32_t i = 0; i < ORDO_CODEC_FRAMES; i++) {
        uint32_t size = (uint32_t)write(codec, i);
        frames->frames[i] = keep(codec, (struct ordo_bytes){codec->room, size});
        frames->bytes += size;
    }
    frames->items = items;
}

/* ---- one frame ---- */

static size_t write_request(struct ordo_codec *codec, uint32_t frame)
{
    struct ordo_writer out = ordo_writer_over(codec->room, FRAMES_SIZE);
    const struct ordo_command *first = codec->commands + (size_t)frame * ORDO_CODEC_BATCH;
    ordo_request_encode(&out, frame, first, ORDO_CODEC_BATCH);
    ORDO_ASSERT(!out.failed);
    return ordo_writer_size(&out);
}

static size_t write_reply(struct ordo_codec *codec, uint32_t frame)
{
    struct ordo_writer out = ordo_writer_over(codec->room, FRAMES_SIZE);
    const struct ordo_reply_head head = {.durable_seq = frame, .time_us = codec->load.time_us};
    size_t first = (size_t)frame * ORDO_CODEC_BATCH;
    ordo_reply_begin(&out, frame, &head, ORDO_CODEC_BATCH);
    for (size_t i = first; i < first + ORDO_CODEC_BATCH; i++) {
        bool good =
            ordo_reply_outcome(&out, (uint8_t)codec->commands[i].kind, 1 + i, codec->outcomes[i]);
        ORDO_ASSERT(good);
    }
    ORDO_ASSERT(!out.failed);
    return ordo_writer_size(&out);
}

/* As many frames as of requests, so the updates of a batch of commands each. */
static size_t write_stream(struct ordo_codec *codec, uint32_t frame)
{
    static const uint8_t hash[16];
    uint32_t first = (uint32_t)((uint64_t)codec->update_count * frame / ORDO_CODEC_FRAMES);
    uint32_t last = (uint32_t)((uint64_t)codec->update_count * (frame + 1) / ORDO_CODEC_FRAMES);
    uint8_t *body = codec->room + FRAMES_SIZE / 2;
    struct ordo_writer updates = ordo_writer_over(body, FRAMES_SIZE / 2);
    struct ordo_writer out = ordo_writer_over(codec->room, FRAMES_SIZE / 2);
    for (uint32_t i = first; i < last; i++) {
        ordo_stream_update(&updates, &codec->updates[i]);
    }
    struct ordo_bytes bytes = {body, (uint32_t)ordo_writer_size(&updates)};
    ordo_stream_updates(&out, node, codec->updates[first].update_seq, hash, last - first, bytes);
    ORDO_ASSERT(!out.failed && !updates.failed);
    return ordo_writer_size(&out);
}

static void read_request(struct ordo_codec *codec, struct ordo_bytes frame)
{
    struct ordo_request_reader reader;
    struct ordo_wire_fault fault;
    struct ordo_command command;
    struct ordo_writer scratch = ordo_writer_over(codec->scratch, ORDO_COMMAND_SIZE_MAX);
    bool good = ordo_request_open(&reader, frame, &fault);
    ORDO_ASSERT(good);
    while (reader.next < reader.count) {
        good = ordo_request_next(&reader, &command, &scratch, &fault);
        ORDO_ASSERT(good);
        codec->sink += command.shop + command.id[0];
    }
}

/* ---- open and close ---- */

static enum ordo_err take_memory(struct ordo_codec *codec)
{
    const struct {
        void **at;
        size_t count;
        size_t size;
    } parts[] = {
        {(void **)&codec->commands, ORDO_CODEC_COMMANDS, sizeof(struct ordo_command)},
        {(void **)&codec->outcomes, ORDO_CODEC_COMMANDS, sizeof(struct ordo_bytes)},
        {(void **)&codec->updates, ORDO_CODEC_UPDATES, sizeof(struct ordo_update)},
        {(void **)&codec->kept, KEPT_SIZE, 1},
        {(void **)&codec->room, FRAMES_SIZE, 1},
        {(void **)&codec->scratch, ORDO_COMMAND_SIZE_MAX, 1},
    };
    enum ordo_err err = ORDO_OK;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && err == ORDO_OK; i++) {
        err = ordo_arena_alloc(&codec->arena, "codec", parts[i].count, parts[i].size, parts[i].at);
    }
    return err;
}

enum ordo_err ordo_codec_open(struct ordo_codec *codec, struct ordo_fail *fail)
{
    const struct ordo_load_hearer hearer = {hear, codec};
    memset(codec, 0, sizeof(*codec));
    ordo_arena_init(&codec->arena);
    if (take_memory(codec) != ORDO_OK) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the frames");
    }
    enum ordo_err err =
        ordo_load_open(&codec->load, &codec->arena, LIVE, LIVE + 4 * ORDO_LOAD_BLOCK, fail);
    if (err != ORDO_OK) {
        return err;
    }
    bool made = ordo_load_make(&codec->load);
    ORDO_ASSERT(made);
    codec->load.hearer = &hearer;
    ordo_load_apply(&codec->load);
    codec->load.hearer = NULL;
    if (codec->load.refused != 0) {
        return ordo_fail_set(fail, ORDO_ERR_DAMAGED, "a command of the load was refused");
    }
    keep_frames(codec, &codec->requests, codec->command_count, write_request);
    keep_frames(codec, &codec->replies, codec->command_count, write_reply);
    keep_frames(codec, &codec->streams, codec->update_count, write_stream);
    return ORDO_OK;
}

void ordo_codec_close(struct ordo_codec *codec)
{
    ordo_arena_fini(&codec->arena);
}

/* ---- runs ---- */

void ordo_codec_encode_requests(struct ordo_codec *codec)
{
    for (uint32_t i = 0; i < ORDO_CODEC_FRAMES; i++) {
        codec->sink += write_request(codec, i);
    }
}

void ordo_codec_decode_requests(struct ordo_codec *codec)
{
    for (uint32_t i = 0; i < ORDO_CODEC_FRAMES; i++) {
        read_request(codec, codec->requests.frames[i]);
    }
}

void ordo_codec_encode_replies(struct ordo_codec *codec)
{
    for (uint32_t i = 0; i < ORDO_CODEC_FRAMES; i++) {
        codec->sink += write_reply(codec, i);
    }
}

void ordo_codec_encode_updates(struct ordo_codec *codec)
{
    for (uint32_t i = 0; i < ORDO_CODEC_FRAMES; i++) {
        codec->sink += write_stream(codec, i);
    }
}

void ordo_codec_copy(struct ordo_codec *codec, const struct ordo_codec_frames *frames)
{
    for (uint32_t i = 0; i < ORDO_CODEC_FRAMES; i++) {
        memcpy(codec->room, frames->frames[i].data, frames->frames[i].size);
        codec->sink += codec->room[frames->frames[i].size / 2];
    }
}
