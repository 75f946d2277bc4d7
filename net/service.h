/* service.h - services: what a node answers beside the ring, out of memory and journal files.
 *
 * A service is the only element of its request. Its fields are one table like those of commands
 * (order/schema.h), its answer a result with a body, like a query's. net/README.md is the
 * specification. Bounded, nothing allocated; any thread, pure.
 */
#ifndef ORDO_NET_SERVICE_H
#define ORDO_NET_SERVICE_H

#include "net/frame.h"

#define ORDO_SERVICE_FIRST     192   /* kinds from here on are services */
#define ORDO_FETCH_ORDERS_MAX  256   /* orders of one fetch */
#define ORDO_FETCH_LIMIT_MAX   65536 /* updates of one fetch */
#define ORDO_HISTORY_LIMIT_MAX 256   /* entries of one page */
#define ORDO_STATS_MAX         512   /* numbers of one answer */
#define ORDO_STAT_NAME_MAX     48    /* bytes of the name of one */
#define ORDO_FETCH_UPDATE_MAX  160   /* bytes of one update in a body, a bound */
#define ORDO_FETCH_HEAD_MAX    64    /* bytes of a body before its updates, a bound */
#define ORDO_SERVICE_SCRATCH   16384 /* bytes for the lists of one service */
#define ORDO_HISTORY_ENTRY_MAX 512   /* bytes of one entry in a body, a bound */
#define ORDO_SERVICE_FRAME_MAX 16384 /* bytes of a request with one service, a bound */

/* U, T, L as in order/schema.h. */
#define ORDO_FETCH_FIELDS(U, T, L)                                                                 \
    U(from, UINT64_MAX)                                 /* update_seq, first is 1 */               \
    U(limit, ORDO_FETCH_LIMIT_MAX)                      /* updates; 0 = as many as fit */          \
    U(by_shop, 1)                                       /* 1 = only those of the shop */           \
    L(orders, ORDO_FETCH_ORDERS_MAX, ORDO_ORDER_ID_MAX) /* only these of the shop; empty = all */

#define ORDO_HISTORY_FIELDS(U, T, L)                                                               \
    U(seq, UINT64_MAX) /* the order's last_seq, or `next` of the page before */                    \
    T(order_id, ORDO_ORDER_ID_MAX)                                                                 \
    U(limit, ORDO_HISTORY_LIMIT_MAX) /* entries; 0 = as many as fit */

#define ORDO_STATS_FIELDS(U, T, L)

/* X(NAME, name, kind on the wire, name for people) */
#define ORDO_SERVICES(X)                                                                           \
    X(FETCH, fetch, 192, "fetch")                                                                  \
    X(HISTORY, history, 193, "history")                                                            \
    X(STATS, stats, 194, "stats")

enum ordo_service_kind {
#define ORDO_SERVICE_KIND(NAME, name, number, text) ORDO_SERVICE_##NAME = number,
    ORDO_SERVICES(ORDO_SERVICE_KIND)
#undef ORDO_SERVICE_KIND
};

#define ORDO_SERVICE_U(name, max)                 uint64_t name;
#define ORDO_SERVICE_T(name, size_max)            struct ordo_bytes name;
#define ORDO_SERVICE_L(name, count_max, size_max) struct ordo_elements name;
#define ORDO_SERVICE_STRUCT(NAME, name, number, text)                                              \
    struct ordo_##name##_request {                                                                 \
        ORDO_##NAME##_FIELDS(ORDO_SERVICE_U, ORDO_SERVICE_T, ORDO_SERVICE_L) uint8_t               \
            end_of_fields_;                                                                        \
    };
ORDO_SERVICES(ORDO_SERVICE_STRUCT)
#undef ORDO_SERVICE_STRUCT

struct ordo_service {
    uint8_t kind; /* enum ordo_service_kind */
    uint32_t shop;
    union {
#define ORDO_SERVICE_MEMBER(NAME, name, number, text) struct ordo_##name##_request name;
        ORDO_SERVICES(ORDO_SERVICE_MEMBER)
#undef ORDO_SERVICE_MEMBER
    };
};

/* The schema of a service, NULL for an unknown kind; offsets count from `fetch`. */
const struct ordo_command_schema *ordo_service_schema_of(uint8_t kind);

/* In the order of ORDO_SERVICES; NULL past the last. */
const struct ordo_command_schema *ordo_service_schema_at(uint32_t index);

/* ---- requests ---- */

/* A whole frame with this service; fields with default values at the end are left out. Elements of
 * `orders` are written with ordo_write_bytes, one after another. */
void ordo_service_encode(
    struct ordo_writer *out, uint64_t request_id, const struct ordo_service *service);

/* True for an opened request that is one service: ordo_service_read reads it, not
 * ordo_request_next. */
static inline bool ordo_request_is_service(const struct ordo_request_reader *reader)
{
    return reader->service != 0;
}

/* Checked against its schema; texts point into the frame, lists into the scratch, of which the
 * caller gives ORDO_SERVICE_SCRATCH bytes. False: refused with `fault`. */
bool ordo_service_read(
    struct ordo_request_reader *reader,
    struct ordo_service *service,
    struct ordo_writer *scratch,
    struct ordo_wire_fault *fault) ORDO_MUST_USE;

/* ---- answers: after ordo_reply_begin with one result ---- */

/* The result of a service. A body must follow the code OK and nothing any other. */
void ordo_service_result(struct ordo_writer *out, uint16_t code, uint64_t durable_seq);

struct ordo_fetch_head {
    uint64_t first;   /* what was looked through */
    uint64_t last;    /* < first when there is nothing yet */
    uint8_t hash[16]; /* stream hash after last: low then high half, little-endian */
    uint64_t head;    /* the newest durable update */
};

/* The body up to its updates, of which exactly count must follow. */
void ordo_fetch_begin(struct ordo_writer *out, const struct ordo_fetch_head *head, uint32_t count);

/* One update with its number, at most ORDO_FETCH_UPDATE_MAX bytes. */
void ordo_fetch_update(struct ordo_writer *out, const struct ordo_update *update);

/* One command in an order's history. */
struct ordo_history_entry {
    uint64_t seq;
    uint64_t time_us;
    uint8_t kind;
    uint16_t code;
    uint8_t disposition;
    uint32_t change_count;
    struct {
        uint32_t version;
        uint8_t from;
        uint8_t to;
        uint32_t flags;
    } changes[ORDO_TRANSITIONS_MAX];
};

/* The body up to its entries, of which exactly count must follow. */
void ordo_history_begin(struct ordo_writer *out, uint64_t next, uint32_t count);
void ordo_history_entry(struct ordo_writer *out, const struct ordo_history_entry *entry);

/* The body up to its numbers, of which exactly count must follow. */
void ordo_stats_begin(struct ordo_writer *out, uint32_t count);
void ordo_stats_number(struct ordo_writer *out, const char *name, uint64_t value);

/* ---- reading bodies (ordo_reply_item.body); a body that is none sets in->error ---- */

/* The count of updates that follow, each to be read with ordo_body_fetch_update. */
uint32_t ordo_body_fetch(struct ordo_mp_reader *in, struct ordo_fetch_head *head);
void ordo_body_fetch_update(struct ordo_mp_reader *in, struct ordo_update *update);

/* The count of entries that follow, each to be read with ordo_body_history_entry. */
uint32_t ordo_body_history(struct ordo_mp_reader *in, uint64_t *next);
void ordo_body_history_entry(struct ordo_mp_reader *in, struct ordo_history_entry *entry);

/* The count of numbers that follow, each to be read with ordo_body_stat. */
uint32_t ordo_body_stats(struct ordo_mp_reader *in);
void ordo_body_stat(struct ordo_mp_reader *in, struct ordo_bytes *name, uint64_t *value);

#endif
