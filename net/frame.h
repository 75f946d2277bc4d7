/* frame.h - the frames of Ordo's protocol, version 1, both directions. net/README.md is the
 * specification; this is the code that server and client library share.
 *
 *   request    [version, request_id, options, [command, ...]]
 *   command    [kind, id, shop, field, ...]           fields in the order of order/schema.h
 *   reply      [version, request_id, [node, durable_seq, time_us, code, text, retry_ms],
 *              [result, ...]]
 *   result     [code, seq, state, version, disposition]   of a command that was decided
 *              [code, seq, body]                          of a query that was answered
 *              [code, 0, text]                            refused before it was decided
 *   updates    'u' [version, node, first_update_seq, hash, [update, ...]]
 *   heartbeat  'h' [version, node, update_seq, hash, durable_seq, time_us]
 *
 * Readers walk a frame once and point into it; nothing is allocated. What comes from a peer gives a
 * fault with a code and a text, never an assert. Any thread, pure.
 */
#ifndef ORDO_NET_FRAME_H
#define ORDO_NET_FRAME_H

#include "net/mp.h"
#include "order/outcome.h"
#include "order/query.h"

#define ORDO_WIRE_VERSION      1
#define ORDO_WIRE_COMMANDS_MAX 1024    /* of one request */
#define ORDO_WIRE_TEXT_MAX     127     /* bytes of a text beside a code */
#define ORDO_WIRE_REQUEST_MAX  1048576 /* bytes of a request; a server may be set to less */
#define ORDO_WIRE_REPLY_MAX    4194304 /* bytes of a reply */
#define ORDO_WIRE_STREAM_MAX   65536   /* bytes of a stream frame, topic included */
#define ORDO_WIRE_UPDATE_MAX   128     /* bytes of one update in a frame, a bound */
#define ORDO_WIRE_UPDATES_MAX  65536   /* updates of one frame: what a reader accepts */
#define ORDO_TOPIC_UPDATES     'u'
#define ORDO_TOPIC_HEARTBEAT   'h'

/* Why a frame or an element of it was refused. */
struct ordo_wire_fault {
    uint16_t code; /* enum ordo_result_code */
    char text[ORDO_WIRE_TEXT_MAX + 1];
};

/* ---- requests ---- */

/* What is served first when requests wait: a request's class is that of its most urgent command. */
enum ordo_wire_class {
    ORDO_CLASS_FACT,    /* payment facts, delivery acks, operators: the money moved already */
    ORDO_CLASS_QUERY,   /* queries and subscribers' commands */
    ORDO_CLASS_COMMAND, /* everything else */
    ORDO_CLASS_COUNT
};

enum ordo_wire_class ordo_wire_class_of(uint64_t kind);

/* Writes the frame up to its commands; exactly count commands must follow. */
void ordo_request_begin(struct ordo_writer *out, uint64_t request_id, uint32_t count);

/* Writes one command; the id of a query, a fact or a subscriber-ack is not sent, fields with
 * default values at the end are left out. */
void ordo_request_command(struct ordo_writer *out, const struct ordo_command *command);

/* Both together. */
void ordo_request_encode(
    struct ordo_writer *out,
    uint64_t request_id,
    const struct ordo_command *commands,
    uint32_t count);

struct ordo_request_reader {
    struct ordo_mp_reader mp;
    uint64_t request_id;
    uint32_t count; /* commands of the request */
    uint32_t next;  /* index of the next one to read */
    enum ordo_wire_class class;
    uint8_t service; /* its one element is a service of this kind (net/service.h); 0 = none */
};

/* Checks the whole frame (structure, depth, counts, no byte behind it) and reads its head. False:
 * the frame is refused as a whole with `fault`; request_id is set when it could be read, else 0. */
bool ordo_request_open(
    struct ordo_request_reader *reader,
    struct ordo_bytes frame,
    struct ordo_wire_fault *fault) ORDO_MUST_USE;

/* The next command (reader->next < reader->count): checked against its schema; texts point into the
 * frame, lists into the scratch, of which the caller gives ORDO_COMMAND_SIZE_MAX bytes. False: the
 * command is refused with `fault`, naming its index and field. The reader stands behind it either
 * way. Internal kinds are UNAUTHORISED. */
bool ordo_request_next(
    struct ordo_request_reader *reader,
    struct ordo_command *command,
    struct ordo_writer *scratch,
    struct ordo_wire_fault *fault) ORDO_MUST_USE;

/* ---- replies ---- */

struct ordo_reply_head {
    uint8_t node[16];     /* the journal that answers */
    uint64_t durable_seq; /* durable when the reply was written */
    uint64_t time_us;     /* engine time of the newest command seen by the replier */
    uint16_t code;        /* 0, or why the frame was refused as a whole */
    struct ordo_bytes text;
    uint32_t retry_ms; /* BUSY and SHUTTING_DOWN: when to ask again at the earliest, else 0 */
};

void ordo_reply_begin(
    struct ordo_writer *out,
    uint64_t request_id,
    const struct ordo_reply_head *head,
    uint32_t result_count);

/* One result each. */
void ordo_reply_result(struct ordo_writer *out, const struct ordo_result *result);
void ordo_reply_refusal(struct ordo_writer *out, uint16_t code, struct ordo_bytes text);

/* A query's result up to its body, which must follow. */
void ordo_reply_body(struct ordo_writer *out, uint64_t seq);

/* From a slot's outcome bytes; seq is the slot's. False when they are no outcome of this kind: our
 * own apply wrote them, so that is a fault of ours. */
bool ordo_reply_outcome(
    struct ordo_writer *out, uint8_t kind, uint64_t seq, struct ordo_bytes outcome) ORDO_MUST_USE;

struct ordo_reply_reader {
    struct ordo_mp_reader mp;
    uint64_t request_id;
    struct ordo_reply_head head;
    uint32_t count;
    uint32_t next;
};

enum ordo_reply_form {
    ORDO_REPLY_DECIDED, /* result has every field */
    ORDO_REPLY_QUERY,   /* result has code and seq; body follows, nil when the code is not OK */
    ORDO_REPLY_REFUSED, /* result has the code; text says why */
};

struct ordo_reply_item {
    enum ordo_reply_form form;
    struct ordo_result result;
    struct ordo_bytes text;
    bool has_body;
    struct ordo_mp_reader body; /* for the body readers below */
};

/* False: not a reply of this version; fault has the text. Elements behind those known here are
 * skipped, so that a later server may add to a head or a result. */
bool ordo_reply_open(
    struct ordo_reply_reader *reader,
    struct ordo_bytes frame,
    struct ordo_wire_fault *fault) ORDO_MUST_USE;
bool ordo_reply_next(
    struct ordo_reply_reader *reader,
    struct ordo_reply_item *item,
    struct ordo_wire_fault *fault) ORDO_MUST_USE;

/* ---- bodies of queries: GET and FIND are one order, LIST [next, [order, ...]], CARDS [[number,
 * sealed], ...] ---- */

/* From the body bytes of an outcome (order/query.h) to msgpack: the reader stands behind the
 * result. */
bool ordo_body_write(struct ordo_writer *out, uint8_t kind, struct ordo_reader *in) ORDO_MUST_USE;

/* From msgpack; a body that is none sets in->error. */
void ordo_body_order(struct ordo_mp_reader *in, struct ordo_order_view *view);
void ordo_body_stock(struct ordo_mp_reader *in, struct ordo_stock_view *view);
void ordo_body_coupon(struct ordo_mp_reader *in, struct ordo_coupon_view *view);
void ordo_body_head(struct ordo_mp_reader *in, struct ordo_head_view *view);

/* The count of settings that follow, each to be read with ordo_body_setting. */
uint32_t ordo_body_settings(struct ordo_mp_reader *in);
void ordo_body_setting(struct ordo_mp_reader *in, uint64_t *key, int64_t *value);

/* The count of orders that follow, each to be read with ordo_body_order. */
uint32_t ordo_body_list(struct ordo_mp_reader *in, uint64_t *next);

/* The count of cards that follow, each to be read with ordo_body_card. */
uint32_t ordo_body_cards(struct ordo_mp_reader *in);
void ordo_body_card(struct ordo_mp_reader *in, uint64_t *number, struct ordo_bytes *sealed);

/* SUBSCRIBERS and PARKS are pages as LIST is: ordo_body_list(), then each with one of these. */
void ordo_body_subscriber(struct ordo_mp_reader *in, struct ordo_subscriber_view *view);
void ordo_body_park(struct ordo_mp_reader *in, struct ordo_park_view *view);

/* The count of orders that follow in the body of a wait, each to be read with
 * ordo_body_waited_order; and one of them as the server writes it. */
uint32_t ordo_body_waited(struct ordo_mp_reader *in);
void ordo_body_waited_order(struct ordo_mp_reader *in, struct ordo_waited_view *view);
void ordo_body_waited_write(struct ordo_writer *out, const struct ordo_waited_view *view);

/* ---- the status stream ---- */

/* One update, without its number: a frame's updates are contiguous. */
void ordo_stream_update(struct ordo_writer *out, const struct ordo_update *update);

/* A whole frame with its topic around `count` updates that ordo_stream_update wrote. hash is the
 * stream hash after the last of them. */
void ordo_stream_updates(
    struct ordo_writer *out,
    const uint8_t node[16],
    uint64_t first_update_seq,
    const uint8_t hash[16],
    uint32_t count,
    struct ordo_bytes updates);

struct ordo_heartbeat {
    uint8_t node[16];
    uint64_t update_seq; /* the newest update */
    uint8_t hash[16];    /* stream hash after it: low then high half, little-endian */
    uint64_t durable_seq;
    uint64_t time_us;
};

void ordo_stream_heartbeat(struct ordo_writer *out, const struct ordo_heartbeat *heartbeat);

struct ordo_stream_reader {
    struct ordo_mp_reader mp;
    char topic;                      /* ORDO_TOPIC_UPDATES or ORDO_TOPIC_HEARTBEAT */
    struct ordo_heartbeat heartbeat; /* of updates: node and hash only */
    uint64_t first_update_seq;
    uint32_t count;
    uint32_t next;
};

/* Any stream frame; false: not one of this version. */
bool ordo_stream_open(
    struct ordo_stream_reader *reader,
    struct ordo_bytes frame,
    struct ordo_wire_fault *fault) ORDO_MUST_USE;

/* The next update (reader->next < reader->count); points into the frame. */
bool ordo_stream_next(
    struct ordo_stream_reader *reader,
    struct ordo_update *update,
    struct ordo_wire_fault *fault) ORDO_MUST_USE;

#endif
