/* codec_runs.h - the work behind `ordo bench codec`: real commands of mixed lifecycles, their
 * outcomes and updates, in frames of 256. One thread.
 *
 * A run works through all of them once. The runs are functions of their own, so that the counter of
 * instructions can name them (baseline.py).
 */
#ifndef ORDO_BENCH_CODEC_RUNS_H
#define ORDO_BENCH_CODEC_RUNS_H

#include "bench/apply_load.h"
#include "net/frame.h"

#define ORDO_CODEC_BATCH    256u
#define ORDO_CODEC_COMMANDS ORDO_LOAD_BLOCK
#define ORDO_CODEC_FRAMES   (ORDO_CODEC_COMMANDS / ORDO_CODEC_BATCH)
#define ORDO_CODEC_UPDATES  (2 * ORDO_CODEC_COMMANDS) /* at most: a pay which issues makes two */

/* The bytes that one kind of frame has. */
struct ordo_codec_frames {
    struct ordo_bytes frames[ORDO_CODEC_FRAMES];
    uint64_t bytes; /* of all */
    uint64_t items; /* commands, results or updates in all */
};

struct ordo_codec {
    struct ordo_arena arena;
    struct ordo_load load;
    struct ordo_command *commands;
    struct ordo_bytes *outcomes;
    struct ordo_update *updates;
    uint32_t command_count;
    uint32_t update_count;
    uint8_t *kept; /* bytes that the above point into */
    size_t kept_size;
    uint8_t *room;    /* a frame is written here */
    uint8_t *scratch; /* of a request's reader */
    struct ordo_codec_frames requests;
    struct ordo_codec_frames replies;
    struct ordo_codec_frames streams;
    uint64_t sink; /* keeps the compiler honest */
};

enum ordo_err ordo_codec_open(struct ordo_codec *codec, struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_codec_close(struct ordo_codec *codec); /* accepts what a failed open has left */

void ordo_codec_encode_requests(struct ordo_codec *codec);
void ordo_codec_decode_requests(struct ordo_codec *codec);
void ordo_codec_encode_replies(struct ordo_codec *codec);
void ordo_codec_encode_updates(struct ordo_codec *codec);

/* The limit: memcpy of the same frames. */
void ordo_codec_copy(struct ordo_codec *codec, const struct ordo_codec_frames *frames);

#endif
