/* online.h - what the verbs share that talk to a node: where it is, how a call goes, how results
 * and values are shown.
 *
 * A verb puts ordo_online_parser into its argp children and hands over a struct ordo_online as the
 * child's input. One thread.
 */
#ifndef ORDO_TOOLS_ONLINE_H
#define ORDO_TOOLS_ONLINE_H

#include "base/err.h"
#include "net/client/client.h"
#include "net/client/seal.h"
#include "order/query.h"

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#define ORDO_ONLINE_PATH_MAX 1024
#define ORDO_ONLINE_TIMEOUT  10000 /* ms */
#define ORDO_CURRENCY_CNY    156

struct json_t; /* jansson's */

struct ordo_online {
    char connect[ORDO_ONLINE_PATH_MAX];
    char publish[ORDO_ONLINE_PATH_MAX];
    char key[ORDO_ONLINE_PATH_MAX];
    uint32_t shop;
    uint32_t timeout_ms;
    bool json;
    bool has_id;
    uint8_t id[ORDO_ID_SIZE]; /* of the one command; zero = a random one */
    struct ordo_client *client;
};

/* Defaults from the environment, else from the folder ./data. Call before argp_parse. */
void ordo_online_init(struct ordo_online *online);

/* --connect, --data, --shop, --timeout, --id, --key, --json. */
extern const struct argp ordo_online_parser;

/* Parses a verb's line with the parser above as child 0; the child's input must be set by the
 * verb's parser at ARGP_KEY_INIT. ORDO_EXIT_OK, or the exit code with the error printed. */
int ordo_online_parse(const struct argp *parser, int argc, char **argv, void *input);

/* The certificates for a URL of tls+tcp, out of $ORDO_TLS_CA, _CERT, _KEY and _SERVER. */
struct ordo_tunnel_files ordo_online_tls(void);

/* Opens the client and waits for the greeting. ORDO_EXIT_OK, or the exit code with the error
 * printed. */
int ordo_online_open(struct ordo_online *online);
void ordo_online_close(struct ordo_online *online);

/* One command and its answer, valid until the next call. ORDO_EXIT_OK when there is an answer of
 * the server, whatever it says; else the exit code with the error printed (UNKNOWN names the id).
 */
int ordo_online_call(
    struct ordo_online *online, struct ordo_command *command, const struct ordo_answer **answer);

/* Loads the key file, and makes the first one when `make`. The caller wipes *key. */
int ordo_online_key(const struct ordo_online *online, bool make, struct ordo_key *key);

/* Prints the result of a command, as a sentence or as JSON; `what` names its object. Returns the
 * exit code: OK, or FAILED for a refusal. */
int ordo_online_result(
    const struct ordo_online *online,
    const char *what,
    const struct ordo_command *command,
    const struct ordo_answer *answer);

/* Prints the refusal of a query or a command to stderr (JSON to stdout with --json): FAILED. */
int ordo_online_refused(
    const struct ordo_online *online, const char *what, const struct ordo_answer *answer);

/* Asks for one order, by its number or by a payment's, for one product's stock or for a coupon. */
int ordo_online_order(
    struct ordo_online *online,
    const char *order_id,
    struct ordo_order_view *view,
    const struct ordo_answer **answer);
int ordo_online_find(
    struct ordo_online *online,
    const struct ordo_find *find,
    struct ordo_order_view *view,
    const struct ordo_answer **answer);
int ordo_online_coupon(
    struct ordo_online *online,
    const char *coupon,
    struct ordo_coupon_view *view,
    const struct ordo_answer **answer);
int ordo_online_stock(
    struct ordo_online *online,
    uint32_t product,
    struct ordo_stock_view *view,
    const struct ordo_answer **answer);

/* Writes a create as a member of a chain, behind its length. */
void ordo_chain_member(const struct ordo_create *create, struct ordo_writer *out);

/* One JSON object and a line end to stdout; takes the reference. */
int ordo_online_print_json(struct json_t *root);

/* ---- words ---- */

/* An order number of this project's alphabet; the error is printed. */
bool ordo_online_order_id(const char *text, struct ordo_bytes *id);

/* CNY, USD, ... or the ISO 4217 number. Only currencies with two digits have names here. */
bool ordo_online_currency(const char *text, uint64_t *currency);
const char *ordo_online_currency_name(uint32_t currency); /* NULL when it has none here */

/* alipay, wechat, ... or a number up to 255. */
bool ordo_online_channel(const char *text, uint64_t *channel);
const char *ordo_online_channel_name(uint64_t channel); /* NULL when it has none here */

/* 32 hexadecimal digits are the buyer's 16 bytes, any other text is hashed. */
void ordo_online_buyer(const char *text, uint8_t buyer[ORDO_ID_SIZE]);

/* "12.34 CNY" into out. */
const char *ordo_online_money(int64_t minor, uint32_t currency, char *out, size_t size);

/* "2026-11-11 20:00:00.000123" local time, "-" for 0. */
const char *ordo_online_time(uint64_t time_us, char *out, size_t size);

/* "2026-11-11T20:00[:00]", local time, or UTC with a Z behind; "+30m" from now on. */
bool ordo_online_read_time(const char *text, uint64_t *time_us);

/* True when the locale asks for Chinese. */
bool ordo_online_is_chinese(void);

void ordo_online_hex(const uint8_t *bytes, size_t size, char *out); /* 2 * size + 1 bytes */
bool ordo_online_unhex(const char *text, uint8_t *out, size_t size);

#endif
