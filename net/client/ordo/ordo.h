/* ordo.h - libordo: what a program needs to sell through a node of Ordo and to learn what became of
 * each order. Protocol 1, ABI 0. This header needs nothing but a C99 or C++11 compiler.
 *
 * Two handles. `struct ordo` sends commands and queries; `struct ordo_follower` reads the status
 * stream. Each handle is used by one thread at a time; different handles by different threads.
 * Nothing blocks but the calls that say so, and these at most as long as they are told. No call
 * changes signals, locale or anything else of the process; over tls+tcp a connection has two
 * threads of the library's own, which run no callback.
 *
 * Rules that hold everywhere:
 *  - Input structs are filled by name, everything else zero: `struct ordo_options o = {0}` or
 *    `{.url = ...}`. Zero always means "the default". `reserved_` stays zero. What they point to is
 *    read before the call returns and is the caller's.
 *  - What the library hands out is its own and valid as long as its comment says; these structs may
 *    grow at their ends: never copy by sizeof from a pointer to an array of them, use the pointers.
 *  - Times are microseconds since 1970 UTC (`_us`), money is minor units (cents), texts end with a
 *    zero byte, an order number has 1 to 32 of A-Z a-z 0-9 _ . : -
 *  - A function returns ORDO_E_OK or a negative ORDO_E_*; struct ordo_error says why, in one line
 * for a person. A refusal by the node is no error of a call: it is the verdict of a command.
 */
#ifndef ORDO_LIB_ORDO_H
#define ORDO_LIB_ORDO_H

#include "command.h"
#include "words.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the client ---- */

struct ordo;

/* For tls+tcp:// only; paths of PEM files, read at open. */
struct ordo_tls_options {
    const char *ca;     /* who signs the node's certificate */
    const char *cert;   /* this program's certificate */
    const char *key;    /* and its key */
    const char *server; /* the name in the node's certificate; NULL = the URL's host */
};

struct ordo_options {
    const char *url; /* ipc:///path, tcp://host:port, tls+tcp://host:port */
    struct ordo_tls_options tls;
    uint32_t patience_ms;  /* how long a command is asked again before its verdict; 0 = 30,000 */
    uint32_t commands_max; /* submitted and not ended; 0 = 65,536; more is ORDO_E_FULL */
    uint32_t frame_max;    /* commands that are put into one frame; 0 = 256, at most 1,024 */
    uint32_t frames_in_flight; /* unanswered frames that others wait for; 0 = 4, at most 256 */
    uint64_t reserved_[8];
};

/* Checks the options; connects later, by itself, and again whenever the connection is lost. CONFIG
 * for a URL that is none or a certificate that cannot be read. A host name may ask the resolver:
 * blocks. `error` may be NULL. */
ORDO_API int ordo_open(
    const struct ordo_options *options, struct ordo **out, struct ordo_error *error) ORDO_LOOK_AT;

/* Drops what has not ended, without callbacks: it may or may not be done. NULL is fine. Not from
 * inside of a callback. */
ORDO_API void ordo_close(struct ordo *ordo);

/* Blocks until a node has greeted, at most timeout_ms. Only to tell a wrong address early:
 * UNAVAILABLE or INVALID with the reason. */
ORDO_API int
ordo_connect(struct ordo *ordo, uint32_t timeout_ms, struct ordo_error *error) ORDO_LOOK_AT;

/* One command or query, blocking until its end, at most `patience_ms` and an eighth of it.
 * Callbacks of submitted ones run meanwhile. Errors: INVALID (a kind that has no typed form and no
 * `generic`, or `generic` that does not fit its kind), UNSUPPORTED (an unknown kind), FULL
 * (commands_max have not ended), LIMIT, MEMORY; *end is not set then. Otherwise *end is never NULL:
 * look at its verdict. Not from inside of a callback. */
ORDO_API int
ordo_call(struct ordo *ordo, struct ordo_cmd *cmd, const struct ordo_end **end) ORDO_LOOK_AT;

/* Runs inside of ordo_poll() or ordo_call(), once a command, in no promised order. May submit. */
typedef void ordo_on_end(void *user, const struct ordo_end *end);

/* Hands a command over; does not block and does not send: poll does. What is submitted while frames
 * are in flight gathers into the next one, for at most an eighth of the patience. What depends on
 * the end of another command belongs behind its end. FULL when commands_max have not ended; else
 * like ordo_call(). on_end may be NULL. */
ORDO_API int
ordo_submit(struct ordo *ordo, struct ordo_cmd *cmd, ordo_on_end *on_end, void *user) ORDO_LOOK_AT;

/* Sends, receives, runs callbacks; returns how many commands have ended, after the first round in
 * which any has, or after timeout_ms. Blocks in poll(2) only. Not from inside of a callback. */
ORDO_API uint32_t ordo_poll(struct ordo *ordo, uint32_t timeout_ms);

/* Why the last connection ended or was not made, one line; "" when nothing was wrong so far. Valid
 * until the next call. */
ORDO_API const char *ordo_trouble(const struct ordo *ordo);

/* Commands that have no end yet. */
ORDO_API uint32_t ordo_pending(const struct ordo *ordo);

/* ---- card secrets ---- */

#define ORDO_CARD_SECRET_MAX 968  /* bytes of one secret */
#define ORDO_CARD_SEALED_MAX 1024 /* bytes of one sealed card */

struct ordo_keys;

/* Reads a key file (mode 0400, as `ordo serve` makes it). CONFIG or IO with the reason. Blocks on
 * the disk. Any thread, as all of this section. */
ORDO_API int
ordo_keys_load(const char *path, struct ordo_keys **out, struct ordo_error *error) ORDO_LOOK_AT;
ORDO_API void ordo_keys_free(struct ordo_keys *keys); /* wipes them; NULL is fine */

/* Seals a secret for a product: the same input gives the same bytes, so a repeated import brings no
 * card twice. LIMIT for an empty or too long secret. */
ORDO_API int ordo_card_seal(
    const struct ordo_keys *keys,
    uint32_t shop,
    uint32_t product,
    struct ordo_data secret,
    uint8_t sealed[ORDO_CARD_SEALED_MAX],
    uint32_t *sealed_size) ORDO_LOOK_AT;

/* Opens a card of an answer. DAMAGED when key, shop or product is another one. Wipe the secret
 * after use. */
ORDO_API int ordo_card_open(
    const struct ordo_keys *keys,
    uint32_t shop,
    uint64_t product,
    const struct ordo_card_info *card,
    uint8_t secret[ORDO_CARD_SECRET_MAX],
    uint32_t *secret_size) ORDO_LOOK_AT;

#ifdef __cplusplus
}
#endif

#endif
