/* words.h - libordo: errors of calls, and the words of the domain: states, dispositions, codes.
 * Their numbers are for ever. Included by ordo.h; see there for the rules that hold everywhere.
 */
#ifndef ORDO_LIB_WORDS_H
#define ORDO_LIB_WORDS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define ORDO_API     __attribute__((visibility("default")))
#define ORDO_LOOK_AT __attribute__((warn_unused_result))
#else
#define ORDO_API
#define ORDO_LOOK_AT
#endif

#define ORDO_LIB_MAJOR 0 /* the ABI: libordo.so.0 */
#define ORDO_LIB_MINOR 1

/* "0.1", of the library that runs. Any thread. */
ORDO_API const char *ordo_lib_version(void);

/* ---- errors of calls ---- */

enum ordo_error_code {
    ORDO_E_OK = 0,
    ORDO_E_INVALID = -1,     /* an argument, or what a peer sent, is not what it must be */
    ORDO_E_FULL = -2,        /* no room: poll first */
    ORDO_E_LIMIT = -3,       /* larger than the protocol allows */
    ORDO_E_MEMORY = -4,      /* out of memory */
    ORDO_E_CONFIG = -5,      /* a URL, a certificate or another option is wrong */
    ORDO_E_UNSUPPORTED = -6, /* this library or this node does not know it */
    ORDO_E_UNAVAILABLE = -7, /* nobody answers there */
    ORDO_E_TIMEOUT = -8,     /* not in the time given */
    ORDO_E_STOPPED = -9,     /* the follower stands still: see why, then close it */
    ORDO_E_DAMAGED = -10,    /* bytes are not those that the node has hashed or sealed */
    ORDO_E_IO = -11          /* a file could not be read or written */
};

/* The caller's; filled when a call fails. */
struct ordo_error {
    int code;
    char text[508];
};

/* ---- words ---- */

/* Of an order. */
enum ordo_status {
    ORDO_STATUS_NONE = 0,
    ORDO_STATUS_PENDING = 1,
    ORDO_STATUS_PAYING = 2,
    ORDO_STATUS_PAY_FAILED = 3, /* not final */
    ORDO_STATUS_PAID = 4,
    ORDO_STATUS_BACKORDER = 5,
    ORDO_STATUS_ISSUING = 6, /* cards are bound: fetch and deliver them, then delivery-ack */
    ORDO_STATUS_COMPLETED = 7,
    ORDO_STATUS_EXPIRED = 8,
    ORDO_STATUS_CANCELLED = 9,
    ORDO_STATUS_REFUNDING = 10,
    ORDO_STATUS_REFUNDED = 11
};

/* Bits of `flags`. */
enum ordo_mark {
    ORDO_MARK_FROZEN = 1,
    ORDO_MARK_REVIEW = 2,
    ORDO_MARK_PARTIAL = 4,
    ORDO_MARK_LATE = 8,
    ORDO_MARK_COUPON_OVERDRAWN = 16,
    ORDO_MARK_QUERY_DUE = 32, /* ask the gateway whether the order was paid */
    ORDO_MARK_WAITING = 64    /* status NONE: waits for a unit to hold */
};

/* What a gateway told. */
enum ordo_told {
    ORDO_TOLD_PAY = 1,
    ORDO_TOLD_FAIL = 2,
    ORDO_TOLD_CLOSE = 3,
    ORDO_TOLD_REFUND = 4,
    ORDO_TOLD_CHARGEBACK = 5
};

/* How it was verified that the gateway told so. */
enum ordo_proof { ORDO_PROOF_SIGNATURE = 1, ORDO_PROOF_QUERY = 2, ORDO_PROOF_PERSON = 3 };

/* What became of a payment fact. */
enum ordo_money {
    ORDO_MONEY_NONE = 0,
    ORDO_MONEY_APPLIED = 1,
    ORDO_MONEY_DUPLICATE = 2,
    ORDO_MONEY_LATE_APPLIED = 3,
    ORDO_MONEY_LATE_BACKORDER = 4,
    ORDO_MONEY_LATE_REFUND_DUE = 5,
    ORDO_MONEY_EXTRA_REFUND_DUE = 6,
    ORDO_MONEY_SHORT = 7,
    ORDO_MONEY_OVER_APPLIED = 8,
    ORDO_MONEY_CONFLICT = 9,
    ORDO_MONEY_ORPHAN = 10,
    ORDO_MONEY_REFUND_ECHO = 11,
    ORDO_MONEY_STALE = 12,
    ORDO_MONEY_BOUND_MANUAL = 13
};

/* Codes that programs act upon; the others are in net/README.md and are read by name. */
enum ordo_code {
    ORDO_CODE_OK = 0,
    ORDO_CODE_BUSY = 1, /* 1 to 99: nothing was decided */
    ORDO_CODE_MALFORMED = 2,
    ORDO_CODE_UNAUTHORISED = 3,
    ORDO_CODE_UNKNOWN = 4,
    ORDO_CODE_SHUTTING_DOWN = 5,
    ORDO_CODE_ORDER_UNKNOWN = 200,
    ORDO_CODE_EXISTS = 207, /* the order is there, with the same content */
    ORDO_CODE_OUT_OF_STOCK = 400,
    ORDO_CODE_PRODUCT_CLOSED = 408,
    ORDO_CODE_SALE_NOT_OPEN = 500,
    ORDO_CODE_SALE_OVER = 501,
    ORDO_CODE_PURCHASE_CAP = 502,
    ORDO_CODE_HOLD_QUOTA = 503,
    ORDO_CODE_FULL_ORDERS = 800,
    ORDO_CODE_SUBSCRIBER_UNKNOWN = 900,
    ORDO_CODE_PARKS_FULL = 903,
    ORDO_CODE_UPDATES_AHEAD = 905
};

/* Static texts for people and logs; never NULL. Any thread. */
ORDO_API const char *ordo_status_name(unsigned status); /* "COMPLETED" */
ORDO_API const char *ordo_money_name(unsigned money);   /* "LATE_APPLIED" */
ORDO_API const char *ordo_code_name(unsigned code);     /* "out_of_stock" */
ORDO_API const char *ordo_code_text(unsigned code);     /* one sentence */

#ifdef __cplusplus
}
#endif

#endif
