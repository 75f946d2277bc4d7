/* result.h - the words of the domain that leave it: result codes, states, dispositions, accounts.
 *
 * Numbers are for ever: they stand in journals and on the wire. Codes are banded by module so that
 * a reader knows who refused: 0 ok, 1-99 the edge, 100-199 identity, 200-299 order, 300-399
 * payment, 400-499 stock, 500-599 holds and quotas, 600-699 coupons, 700-799 settings and products,
 * 800-899 capacity, 900-999 the stream and its subscribers.
 */
#ifndef ORDO_ORDER_RESULT_H
#define ORDO_ORDER_RESULT_H

#include <stdbool.h>
#include <stdint.h>

/* X(NAME, number, name on the wire and for people, what it means and what to do) */
#define ORDO_RESULTS(X)                                                                            \
    X(OK, 0, "ok", "done")                                                                         \
    X(BUSY, 1, "busy", "overloaded; nothing was decided: send it again later with the same id")    \
    X(MALFORMED, 2, "malformed", "not a command of this protocol; see the text beside the code")   \
    X(UNAUTHORISED, 3, "unauthorised", "the role of this listener may not send this command")      \
    X(UNKNOWN, 4, "unknown", "no answer was seen: ask again with the same id")                     \
    X(SHUTTING_DOWN, 5, "shutting_down", "the server is stopping: send it again after its start")  \
    X(ID_MISSING, 100, "id_missing", "a command needs an id of 16 bytes that are not all zero")    \
    X(ID_KIND,                                                                                     \
      101,                                                                                         \
      "exists_with_different_kind",                                                                \
      "this id was used for a command of another kind")                                            \
    X(ID_SHOP, 102, "exists_with_different_shop", "this id was used in another shop")              \
    X(ID_CONTENT, 103, "exists_with_different_content", "this id was used with another content")   \
    X(ORDER_UNKNOWN, 200, "order_unknown", "no order of this number in this shop")                 \
    X(ORDER_ID_INVALID, 201, "order_id_invalid", "an order number is 1-32 of A-Z a-z 0-9 _ . : -") \
    X(ORDER_BUYER, 202, "exists_with_different_buyer", "the order exists for another buyer")       \
    X(ORDER_PRODUCT, 203, "exists_with_different_product", "the order exists for another product") \
    X(ORDER_QUANTITY,                                                                              \
      204,                                                                                         \
      "exists_with_different_quantity",                                                            \
      "the order exists with another quantity")                                                    \
    X(ORDER_AMOUNT, 205, "exists_with_different_amount", "the order exists with another amount")   \
    X(ORDER_CURRENCY,                                                                              \
      206,                                                                                         \
      "exists_with_different_currency",                                                            \
      "the order exists in another currency")                                                      \
    X(ORDER_EXISTS, 207, "exists", "the order exists already, with the same content")              \
    X(ORDER_WAITS, 208, "order_waits", "not possible: the order waits for a unit")                 \
    X(ORDER_COUPON, 209, "exists_with_different_coupon", "the order exists with another coupon")   \
    X(STATE_PENDING, 210, "order_is_pending", "not possible while the order waits for payment")    \
    X(STATE_PAYING, 211, "order_is_paying", "not possible while a payment attempt is open")        \
    X(STATE_PAID, 212, "order_is_paid", "not possible: the order is paid")                         \
    X(STATE_BACKORDER,                                                                             \
      213,                                                                                         \
      "order_is_backorder",                                                                        \
      "not possible: the order is paid and waits for stock")                                       \
    X(STATE_ISSUING, 214, "order_is_issuing", "not possible: cards are bound and on their way")    \
    X(STATE_COMPLETED, 215, "order_is_completed", "not possible: the order is completed")          \
    X(STATE_EXPIRED, 216, "order_is_expired", "not possible: the hold has expired")                \
    X(STATE_CANCELLED, 217, "order_is_cancelled", "not possible: the order was cancelled")         \
    X(STATE_REFUNDING, 218, "order_is_refunding", "not possible: a refund is due")                 \
    X(STATE_REFUNDED, 219, "order_is_refunded", "not possible: the order was refunded")            \
    X(STATE_PAY_FAILED, 220, "order_is_pay_failed", "not possible: the payment has failed")        \
    X(LIST_MOVED,                                                                                  \
      221,                                                                                         \
      "list_moved",                                                                                \
      "the order at which the page ended has left this state: list again from the start")          \
    X(OPERATOR_MISSING, 222, "operator_missing", "name the operator: 1-32 of A-Z a-z 0-9 _ . : -") \
    X(REASON_MISSING, 223, "reason_missing", "an operator gives a reason")                         \
    X(ORDER_FROZEN,                                                                                \
      224,                                                                                         \
      "order_is_frozen",                                                                           \
      "not possible while the order is frozen: unfreeze it first")                                 \
    X(CHAIN_INVALID,                                                                               \
      225,                                                                                         \
      "chain_invalid",                                                                             \
      "a chain has 1 to 8 creates without wait_s and 64 units at most")                            \
    X(LINKED_FAILED, 226, "linked_failed", "another member of the chain was refused")              \
    X(FACT_INVALID,                                                                                \
      300,                                                                                         \
      "fact_invalid",                                                                              \
      "a payment fact needs a kind, a trade_no and an amount of at least 0")                       \
    X(FACT_UNVERIFIED, 301, "fact_unverified", "a payment fact must say by what it was verified")  \
    X(ATTEMPTS_FULL, 302, "attempts_full", "the order has all the payment attempts it may have")   \
    X(FACT_UNCONFIRMED,                                                                            \
      303,                                                                                         \
      "fact_unconfirmed",                                                                          \
      "this channel counts a payment when a query has confirmed it: query the gateway")            \
    X(REFUND_NOTHING, 304, "nothing_to_refund", "the order has no money that could be given back") \
    X(REFUND_EXCEEDS, 305, "refund_exceeds", "more than the order has")                            \
    X(REVIEW_NOTHING, 306, "nothing_in_review", "the order has no money in review")                \
    X(CHANNEL_INVALID,                                                                             \
      307,                                                                                         \
      "channel_invalid",                                                                           \
      "a channel has a number from 1 on, tolerances of at least 0 and known options")              \
    X(STOCK_SHORT, 400, "out_of_stock", "fewer units are free than were asked for")                \
    X(CARD_INVALID, 401, "card_invalid", "a sealed card is at least 57 bytes: tag, nonce, seal")   \
    X(CARD_TAKEN, 402, "card_taken", "the named card is not free")                                 \
    X(STOCK_MODE, 403, "wrong_stock_mode", "not possible with the stock mode of this product")     \
    X(PRODUCT_UNKNOWN,                                                                             \
      404,                                                                                         \
      "product_unknown",                                                                           \
      "no product of this number in this shop: put it first")                                      \
    X(QUANTITY_INVALID, 405, "quantity_invalid", "an order has 1 to 64 units of one product")      \
    X(AMOUNT_MISMATCH,                                                                             \
      406,                                                                                         \
      "amount_mismatch",                                                                           \
      "the amount is not price times quantity less the coupon, or not the order's")                \
    X(CURRENCY_MISMATCH, 407, "currency_mismatch", "the product is sold in another currency")      \
    X(PRODUCT_CLOSED, 408, "product_closed", "the product is not for sale")                        \
    X(CARD_NOT_OF_ORDER, 409, "card_not_of_order", "the order does not have this card")            \
    X(CARD_UNKNOWN, 410, "card_unknown", "no card of this number in this shop")                    \
    X(CARD_RANGE, 411, "card_range", "the first to the last card number, 256 at most")             \
    X(SALE_NOT_OPEN, 500, "sale_not_open", "the sale of this product has not begun")               \
    X(SALE_OVER, 501, "sale_over", "the sale of this product has ended")                           \
    X(PURCHASE_CAP, 502, "purchase_cap", "the buyer has reached the cap of this product")          \
    X(HOLD_QUOTA, 503, "hold_quota", "the buyer holds as many unpaid units as he may")             \
    X(SECOND_KEY_QUOTA,                                                                            \
      504,                                                                                         \
      "second_key_quota",                                                                          \
      "as many unpaid units are held under this second key as may be")                             \
    X(HELD_SHARE, 505, "held_share", "as much of the product is held unpaid as may be")            \
    X(HOLD_LIMIT, 506, "hold_limit", "the hold is as long as it may become")                       \
    X(SECOND_KEY_INVALID, 507, "second_key_invalid", "a second key is empty or 16 bytes")          \
    X(COUPON_UNKNOWN, 600, "coupon_unknown", "no coupon of this code in this shop")                \
    X(COUPON_NOT_VALID,                                                                            \
      601,                                                                                         \
      "coupon_not_valid",                                                                          \
      "the coupon is not for this product or not for this time")                                   \
    X(COUPON_SPENT, 602, "coupon_spent", "the coupon has all its uses")                            \
    X(COUPON_INVALID,                                                                              \
      603,                                                                                         \
      "coupon_invalid",                                                                            \
      "a coupon needs a code, a discount and a time that ends after it begins")                    \
    X(SETTING_UNKNOWN, 700, "setting_unknown", "no setting of this key")                           \
    X(SETTING_RANGE, 701, "setting_out_of_range", "the value is outside of the setting's range")   \
    X(SETTING_FIXED, 702, "setting_fixed", "a capacity is fixed when the data folder is made")     \
    X(PRODUCT_INVALID,                                                                             \
      703,                                                                                         \
      "product_invalid",                                                                           \
      "a product needs a number above 0, a price of at least 0, a currency and a known stock "     \
      "mode")                                                                                      \
    X(PRODUCT_MODE,                                                                                \
      704,                                                                                         \
      "exists_with_different_stock_mode",                                                          \
      "the stock mode of a product is fixed")                                                      \
    X(PRODUCT_CURRENCY,                                                                            \
      705,                                                                                         \
      "exists_with_different_currency_of_product",                                                 \
      "the currency of a product is fixed")                                                        \
    X(FULL_ORDERS, 800, "full_orders", "the order table is full: no new orders")                   \
    X(FULL_PRODUCTS, 801, "full_products", "the product table is full")                            \
    X(FULL_CARDS, 802, "full_cards", "the card table is full")                                     \
    X(FULL_PAYMENTS, 803, "full_payments", "the payment table is full")                            \
    X(FULL_SECRETS, 804, "full_secrets", "the store of sealed cards is full")                      \
    X(FULL_BUYERS, 805, "full_buyers", "the buyer table is full")                                  \
    X(FULL_EXTRAS,                                                                                 \
      806,                                                                                         \
      "full_extras",                                                                               \
      "the table of coupons used, second keys and waiting orders is full")                         \
    X(FULL_COUPONS, 807, "full_coupons", "the coupon table is full")                               \
    X(FULL_CHANNELS, 808, "full_channels", "the channel table is full")                            \
    X(FULL_SUBSCRIBERS, 809, "full_subscribers", "the subscriber table is full")                   \
    X(SUBSCRIBER_UNKNOWN,                                                                          \
      900,                                                                                         \
      "subscriber_unknown",                                                                        \
      "no subscriber of this name in this shop: put it first")                                     \
    X(SUBSCRIBER_INVALID,                                                                          \
      901,                                                                                         \
      "subscriber_invalid",                                                                        \
      "the name of a subscriber is 1-32 of A-Z a-z 0-9 _ . : -")                                   \
    X(SUBSCRIBER_AHEAD, 902, "subscriber_ahead", "the stream has not come that far")               \
    X(PARKS_FULL, 903, "parks_full", "as many orders are parked as may be: the cursor stops here") \
    X(PARK_UNKNOWN, 904, "park_unknown", "this order is not parked for this subscriber")           \
    X(UPDATES_AHEAD,                                                                               \
      905,                                                                                         \
      "updates_ahead",                                                                             \
      "the stream has not come that far: it may be another one")                                   \
    X(HISTORY_UNKNOWN, 906, "history_unknown", "this sequence is not the order's")                 \
    X(JOURNAL_UNREADABLE,                                                                          \
      907,                                                                                         \
      "journal_unreadable",                                                                        \
      "the journal cannot be read there: the text beside the code says where")

enum ordo_result_code {
#define ORDO_RESULT(NAME, number, name, text) ORDO_RESULT_##NAME = number,
    ORDO_RESULTS(ORDO_RESULT)
#undef ORDO_RESULT
};

/* X(NAME, number, name, Chinese name) */
#define ORDO_STATES(X)                                                                             \
    X(NONE, 0, "NONE", "无")                                                                       \
    X(PENDING, 1, "PENDING", "待支付")                                                             \
    X(PAYING, 2, "PAYING", "支付中")                                                               \
    X(PAY_FAILED, 3, "PAY_FAILED", "支付失败")                                                     \
    X(PAID, 4, "PAID", "支付成功")                                                                 \
    X(BACKORDER, 5, "BACKORDER", "已付缺货")                                                       \
    X(ISSUING, 6, "ISSUING", "发货中")                                                             \
    X(COMPLETED, 7, "COMPLETED", "已完成")                                                         \
    X(EXPIRED, 8, "EXPIRED", "已过期")                                                             \
    X(CANCELLED, 9, "CANCELLED", "已取消")                                                         \
    X(REFUNDING, 10, "REFUNDING", "退款中")                                                        \
    X(REFUNDED, 11, "REFUNDED", "已退款")

enum ordo_order_state {
#define ORDO_STATE(NAME, number, name, chinese) ORDO_STATE_##NAME = number,
    ORDO_STATES(ORDO_STATE)
#undef ORDO_STATE
        ORDO_STATE_COUNT
};

/* What became of a verified payment fact: exactly one each. */
#define ORDO_DISPOSITIONS(X)                                                                       \
    X(NONE, 0, "NONE")                                                                             \
    X(APPLIED, 1, "APPLIED")                                                                       \
    X(DUPLICATE, 2, "DUPLICATE")                                                                   \
    X(LATE_APPLIED, 3, "LATE_APPLIED")                                                             \
    X(LATE_BACKORDER, 4, "LATE_BACKORDER")                                                         \
    X(LATE_REFUND_DUE, 5, "LATE_REFUND_DUE")                                                       \
    X(EXTRA_REFUND_DUE, 6, "EXTRA_REFUND_DUE")                                                     \
    X(SHORT, 7, "SHORT")                                                                           \
    X(OVER_APPLIED, 8, "OVER_APPLIED")                                                             \
    X(CONFLICT, 9, "CONFLICT")                                                                     \
    X(ORPHAN, 10, "ORPHAN")                                                                        \
    X(REFUND_ECHO, 11, "REFUND_ECHO")                                                              \
    X(STALE, 12, "STALE")                                                                          \
    X(BOUND_MANUAL, 13, "BOUND_MANUAL")

enum ordo_disposition {
#define ORDO_DISPOSITION(NAME, number, name) ORDO_DISPOSITION_##NAME = number,
    ORDO_DISPOSITIONS(ORDO_DISPOSITION)
#undef ORDO_DISPOSITION
        ORDO_DISPOSITION_COUNT
};

enum ordo_order_flag {
    ORDO_FLAG_FROZEN = 1,
    ORDO_FLAG_REVIEW = 2,
    ORDO_FLAG_PARTIAL = 4,
    ORDO_FLAG_LATE = 8,
    ORDO_FLAG_COUPON_OVERDRAWN = 16,
    ORDO_FLAG_QUERY_DUE = 32, /* the gateway is to be asked whether it was paid */
    ORDO_FLAG_WAITING = 64,   /* state NONE: waits for a unit to hold */
};

/* Where money stands, per (channel, currency): received + manual = applied + refund_due + refunded
 * + review. */
#define ORDO_ACCOUNTS(X)                                                                           \
    X(RECEIVED, 0, "received")                                                                     \
    X(MANUAL, 1, "manual")                                                                         \
    X(APPLIED, 2, "applied")                                                                       \
    X(REFUND_DUE, 3, "refund_due")                                                                 \
    X(REFUNDED, 4, "refunded")                                                                     \
    X(REVIEW, 5, "review")

enum ordo_account {
#define ORDO_ACCOUNT(NAME, number, name) ORDO_ACCOUNT_##NAME = number,
    ORDO_ACCOUNTS(ORDO_ACCOUNT)
#undef ORDO_ACCOUNT
        ORDO_ACCOUNT_COUNT
};

/* Names; "?" for a number that is none. Any thread, pure. */
const char *ordo_result_name(uint16_t code);
const char *ordo_result_text(uint16_t code);
const char *ordo_state_name(uint8_t state);
const char *ordo_state_chinese(uint8_t state);
const char *ordo_disposition_name(uint8_t disposition);
const char *ordo_account_name(uint8_t account);

/* The state of this name, in either language; false when there is none. */
bool ordo_state_find(const char *name, uint8_t *state);

#endif
