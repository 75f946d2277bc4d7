/* oracle_parts.h - the oracle's own memory and the words its parts share. The generator of
 * histories looks at it too, to ask for what makes sense more often than chance would.
 */
#ifndef ORDO_TESTS_ORACLE_PARTS_H
#define ORDO_TESTS_ORACLE_PARTS_H

#include "oracle.h"
#include "order/machine.h"

#define O_ORDERS_MAX      96
#define O_PRODUCTS_MAX    16
#define O_CARDS_MAX       4096
#define O_PAYMENTS_MAX    2100
#define O_IDS_MAX         2100
#define O_COUPONS_MAX     16
#define O_CHANNELS_MAX    64
#define O_BALANCES_MAX    128
#define O_ATTEMPTS_MAX    16
#define O_SUBSCRIBERS_MAX 8
#define O_PARKS_MAX       16

#define O_SECOND 1000000ull

enum o_counts { O_COUNTS_NOT, O_COUNTS_HELD, O_COUNTS_PAID };
enum o_unit { O_NO_UNIT, O_FREE, O_HELD, O_BOUND, O_REVEALED, O_VOID };

struct o_attempt {
    uint32_t channel;
    char merchant[ORDO_MERCHANT_MAX + 1];
    int64_t amount;
    bool open;
};

struct o_order {
    uint32_t shop;
    char id[ORDO_ORDER_ID_MAX + 1];
    bool created; /* or waits; else only facts or a release have named it */
    uint8_t buyer[ORDO_ID_SIZE];
    uint32_t product;
    uint32_t quantity;
    int64_t amount;
    uint32_t currency;
    uint64_t hold_ttl_s;
    char coupon[ORDO_COUPON_MAX + 1];
    bool coupon_counts;
    bool has_second_key;
    uint8_t second_key[ORDO_ID_SIZE];
    uint64_t named_card;
    uint8_t state;
    uint32_t flags;
    uint32_t version;
    uint64_t created_us;
    uint64_t changed_us;
    uint64_t deadline_us;
    uint32_t tries;
    enum o_counts counts; /* its quantity for its buyer and second key */
    enum o_unit unit;     /* what its units are, O_NO_UNIT without */
    uint32_t units;
    uint32_t card_count;
    uint64_t cards[ORDO_CARDS_MAX];
    bool was_bound;
    uint64_t queue_place; /* 0 = waits for nothing */
    uint64_t last_seq;
    uint32_t attempt_count;
    struct o_attempt attempts[O_ATTEMPTS_MAX];
};

struct o_product {
    uint32_t shop;
    struct ordo_product_put put;
    uint64_t free; /* counted */
    uint64_t imported;
    uint64_t voided;
};

struct o_card {
    struct o_product *product;
    uint8_t tag[ORDO_ID_SIZE];
    enum o_unit unit;
    struct o_order *order;
    uint64_t place; /* in the queue of free cards */
};

struct o_payment {
    uint32_t order; /* index */
    uint32_t shop;
    uint32_t channel;
    char merchant[ORDO_MERCHANT_MAX + 1];
    char trade_no[ORDO_TRADE_NO_MAX + 1];
    uint32_t currency;
    int64_t amount;
    bool received; /* or told by an operator */
    bool charged_back;
    int64_t noted;                  /* refund total that was told before it was received */
    int64_t at[ORDO_ACCOUNT_COUNT]; /* where its money stands */
};

struct o_coupon {
    uint32_t shop;
    char text[ORDO_COUPON_MAX + 1];
    struct ordo_coupon_put put;
    uint64_t used;
    uint64_t returned;
    uint64_t overdrawn;
};

struct o_channel {
    uint32_t shop;
    struct ordo_channel_put put;
};

struct o_subscriber {
    uint32_t shop;
    char name[ORDO_SUBSCRIBER_MAX + 1]; /* "" = nobody */
    uint64_t acked;
    uint64_t acked_us;
    uint64_t created_us;
};

struct o_park {
    const struct o_subscriber *of;
    uint32_t order_shop;
    char order_id[ORDO_ORDER_ID_MAX + 1];
    char reason[ORDO_REASON_MAX + 1];
    uint64_t first_update;
    uint64_t parked_us;
};

struct o_id {
    uint8_t id[ORDO_ID_SIZE];
    uint8_t kind;
    uint32_t shop;
    uint8_t content[ORDO_ID_SIZE];
    struct ordo_result result;
};

/* What a create can change: a refused chain takes all of it back. */
struct o_tables {
    uint32_t order_count;
    uint32_t payment_count;
    uint32_t card_count;
    uint32_t balance_count;
    uint64_t place; /* of queues: grows */
    struct o_product products[O_PRODUCTS_MAX];
    struct o_coupon coupons[O_COUPONS_MAX];
    struct ordo_balance balances[O_BALANCES_MAX];
    struct o_order orders[O_ORDERS_MAX];
    struct o_payment payments[O_PAYMENTS_MAX];
    struct o_card cards[O_CARDS_MAX];
};

struct oracle {
    struct ordo_settings_values settings;
    uint64_t seq;
    uint64_t now;
    uint8_t kind; /* of the command in work */
    struct oracle_answer *answer;
    uint8_t disposition;
    uint32_t number; /* result.version of what has no order */
    uint32_t product_count;
    uint32_t coupon_count;
    uint32_t channel_count;
    uint32_t id_count;
    uint32_t park_count;  /* in the order of parking */
    uint64_t updates;     /* made before the command in work */
    uint32_t noted_count; /* products to be served, in their order */
    struct o_product *noted[O_PRODUCTS_MAX];
    struct o_channel channels[O_CHANNELS_MAX];
    struct o_id ids[O_IDS_MAX];
    struct o_subscriber subscribers[O_SUBSCRIBERS_MAX];
    struct o_park parks[O_PARKS_MAX];
    struct o_tables t;
    uint64_t events_seen[ORDO_EVENT_COUNT];
    struct o_tables before; /* a chain */
};

/* oracle.c */
struct o_order *o_find_order(struct oracle *o, uint32_t shop, struct ordo_bytes id);
struct o_order *o_new_order(struct oracle *o, uint32_t shop, struct ordo_bytes id);
struct oracle_effect *o_touch(struct oracle *o, struct o_order *order);
uint32_t o_transitions(const struct oracle *o); /* of the outcome, so far */
void o_text(char *to, size_t size, struct ordo_bytes from);
bool o_is(const char *text, struct ordo_bytes bytes);
uint16_t o_may(const struct o_order *order, enum ordo_event event); /* order may be NULL */
uint8_t o_event(struct oracle *o, struct o_order *order, enum ordo_event event);
void o_name_card(struct oracle *o, struct o_order *order, uint64_t card);
bool o_is_known(const struct o_order *order);
bool o_is_unpaid(const struct o_order *order);
bool o_is_honoured(const struct o_order *order);

/* oracle_stock.c */
struct o_product *o_find_product(struct oracle *o, uint32_t shop, uint64_t product);
struct o_card *o_find_card(struct oracle *o, uint32_t shop, uint64_t number);
uint64_t o_free(const struct oracle *o, const struct o_product *product);
uint64_t
o_units(const struct oracle *o, const struct o_product *product, enum o_unit unit, bool unpaid);
bool o_has_units(const struct oracle *o, const struct o_product *product, uint32_t quantity);
bool o_is_available(struct oracle *o, const struct o_order *order);
const struct o_order *o_head(const struct oracle *o, const struct o_product *product);
void o_take(struct oracle *o, struct o_order *order, uint32_t units);
void o_give_back(struct oracle *o, struct o_order *order);
void o_void_units(struct oracle *o, struct o_order *order);
void o_set_units(struct oracle *o, struct o_order *order, enum o_unit unit);
void o_leave_queue(struct oracle *o, struct o_order *order);
void o_issue(struct oracle *o, struct o_order *order);
void o_start_delivery(struct oracle *o, struct o_order *order);
uint16_t o_product_put(struct oracle *o, uint32_t shop, const struct ordo_product_put *put);
uint16_t o_card_import(struct oracle *o, uint32_t shop, const struct ordo_card_import *import);
uint16_t o_card_void(struct oracle *o, uint32_t shop, const struct ordo_card_void *c);
uint16_t o_replace(struct oracle *o, struct o_order *order, uint64_t card);
uint16_t o_recall(struct oracle *o, uint32_t shop, uint64_t card);
void o_note(struct oracle *o, struct o_product *p); /* to be served */
void o_serve(struct oracle *o);

/* oracle_orders.c */
uint64_t o_buyer_units(const struct oracle *o, const struct o_order *order, enum o_counts counts);
int64_t o_price(struct oracle *o, const struct o_order *order); /* what it must cost */
uint16_t o_create(struct oracle *o, uint32_t shop, const struct ordo_create *create);
void o_admit(struct oracle *o, struct o_order *order);
void o_paid(struct oracle *o, struct o_order *order);
void o_late(struct oracle *o, struct o_order *order);
void o_money_back_whole(struct oracle *o, struct o_order *order, uint8_t state_before);
void o_end_unpaid(struct oracle *o, struct o_order *order);
uint16_t o_extend(struct oracle *o, struct o_order *order, uint64_t ttl_s);
uint16_t o_cancel(struct oracle *o, struct o_order *order);
uint16_t o_release(struct oracle *o, uint32_t shop, struct ordo_bytes id);
uint16_t o_attempt(struct oracle *o, struct o_order *order, const struct ordo_attempt *a);
uint16_t o_delivery_ack(struct oracle *o, struct o_order *order);

/* oracle_time.c */
uint16_t o_chain(struct oracle *o, uint32_t shop, const struct ordo_chain *chain);
void o_tick(struct oracle *o, uint64_t now_us);
void o_resume(struct oracle *o, uint64_t now_us);
uint16_t o_coupon_put(struct oracle *o, uint32_t shop, const struct ordo_coupon_put *put);

/* oracle_money.c */
struct ordo_channel_put o_channel(const struct oracle *o, uint32_t shop, uint64_t channel);
int64_t o_sum(const struct oracle *o, const struct o_order *order, enum ordo_account account);
void o_review_goes(struct oracle *o, struct o_order *order);
bool o_apply_parked(struct oracle *o, struct o_order *order);
int64_t o_move_newest(
    struct oracle *o,
    struct o_order *order,
    enum ordo_account from,
    enum ordo_account to,
    int64_t wanted);
void o_move(
    struct oracle *o, struct o_payment *p, enum ordo_account from, enum ordo_account to, int64_t n);
void o_tell_payment(struct oracle *o, const struct o_order *order, uint32_t channel);
uint16_t o_fact(struct oracle *o, uint32_t shop, const struct ordo_fact *f);
uint16_t o_channel_put(struct oracle *o, uint32_t shop, const struct ordo_channel_put *put);

/* oracle_readers.c */
bool o_is_readers(uint8_t kind);
uint16_t o_reader(struct oracle *o, const struct ordo_command *c);

/* oracle_verbs.c */
uint16_t o_verb(struct oracle *o, const struct ordo_command *c);
void o_freeze(struct o_order *order);
void o_settle_empty(struct oracle *o, struct o_order *order);
uint8_t o_settle(struct oracle *o, struct o_order *order);

#endif
