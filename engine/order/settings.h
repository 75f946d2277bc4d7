/* settings.h - whatever can influence an outcome, as numbers that enter by a sequenced `settings`
 * command.
 *
 * The first command of every journal is the genesis: a settings command with the capacities.
 * Capacities are fixed then; policies may be set at any time.
 */
#ifndef ORDO_ORDER_SETTINGS_H
#define ORDO_ORDER_SETTINGS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* X(key on wire and disk, name, default, min, max, capacity?, meaning) */
#define ORDO_SETTINGS(X)                                                                           \
    X(1, rules, 1, 1, 1, 0, "version of the decision rules")                                       \
    X(2, orders_max, 1000000, 16, 100000000, 1, "orders, kept for ever")                           \
    X(3, products_max, 1000, 1, 1000000, 1, "products of all shops")                               \
    X(4, cards_max, 1000000, 16, 100000000, 1, "cards of all products")                            \
    X(5, secret_bytes_max, 134217728, 4096, 1099511627776, 1, "bytes of sealed cards")             \
    X(6, payments_max, 1250000, 16, 125000000, 1, "payment references and attempts, kept")         \
    X(7, ids_max, 6000000, 64, 600000000, 1, "command ids remembered")                             \
    X(8, buyers_max, 1000000, 16, 100000000, 1, "buyers with live or paid units of a product")     \
    X(9, balances_max, 256, 1, 65536, 1, "(channel, currency) pairs")                              \
    X(10, merchants_max, 4096, 1, 65535, 1, "merchant accounts of all shops and channels")         \
    X(11, extras_max, 1000000, 16, 100000000, 1, "orders with a coupon, a second key or a wait")   \
    X(12, coupons_max, 1000, 1, 1000000, 1, "coupons of all shops")                                \
    X(13, channels_max, 256, 1, 65536, 1, "channels of all shops that have rules of their own")    \
    X(14, subscribers_max, 64, 1, 65536, 1, "subscribers of all shops")                            \
    X(15, parks_max, 10000, 1, 1000000, 1, "parked orders of all subscribers")                     \
    X(20, hold_ttl_s, 900, 1, 604800, 0, "seconds an unpaid hold lives")                           \
    X(21,                                                                                          \
      late_window_s,                                                                               \
      172800,                                                                                      \
      0,                                                                                           \
      2592000,                                                                                     \
      0,                                                                                           \
      "seconds after expiry in which a payment reclaims")                                          \
    X(22, resume_grace_s, 600, 0, 86400, 0, "seconds unpaid holds live at least after a start")    \
    X(23, id_horizon_s, 2592000, 60, 31536000, 0, "seconds a command id is remembered")            \
    X(24,                                                                                          \
      buyer_quota,                                                                                 \
      0,                                                                                           \
      0,                                                                                           \
      1000000,                                                                                     \
      0,                                                                                           \
      "unpaid units a buyer may hold of a product; 0 = no limit")                                  \
    X(25,                                                                                          \
      second_key_quota,                                                                            \
      0,                                                                                           \
      0,                                                                                           \
      1000000,                                                                                     \
      0,                                                                                           \
      "unpaid units of a product held under one second key; 0 = no limit")                         \
    X(26,                                                                                          \
      backorder_max_s,                                                                             \
      86400,                                                                                       \
      1,                                                                                           \
      31536000,                                                                                    \
      0,                                                                                           \
      "seconds a paid order waits for stock before its money is due back")                         \
    X(27,                                                                                          \
      query_grace_s,                                                                               \
      120,                                                                                         \
      1,                                                                                           \
      86400,                                                                                       \
      0,                                                                                           \
      "seconds between the demand for a query and the end of the hold")                            \
    X(28,                                                                                          \
      redelivery_s,                                                                                \
      600,                                                                                         \
      0,                                                                                           \
      604800,                                                                                      \
      0,                                                                                           \
      "seconds until an unseen delivery is due again, doubled each time; 0 = never")               \
    X(29, redelivery_max, 6, 0, 16, 0, "times that a delivery is due again before a person looks") \
    X(30,                                                                                          \
      hold_max_s,                                                                                  \
      86400,                                                                                       \
      1,                                                                                           \
      2592000,                                                                                     \
      0,                                                                                           \
      "seconds after creation to which a hold can be extended")

struct ordo_settings_values {
#define ORDO_SETTING_MEMBER(key, name, standard, min, max, capacity, text) int64_t name;
    ORDO_SETTINGS(ORDO_SETTING_MEMBER)
#undef ORDO_SETTING_MEMBER
};

struct ordo_setting {
    uint32_t key;
    const char *name;
    int64_t standard;
    int64_t min;
    int64_t max;
    bool capacity;
    uint32_t offset; /* in struct ordo_settings_values */
    const char *text;
};

/* The table row at index, by key, by name; NULL when there is none. Any thread, pure. */
const struct ordo_setting *ordo_setting_at(uint32_t index);
const struct ordo_setting *ordo_setting_of(uint64_t key);
const struct ordo_setting *ordo_setting_named(const char *name);

void ordo_settings_standard(struct ordo_settings_values *values);
int64_t
ordo_settings_get(const struct ordo_settings_values *values, const struct ordo_setting *setting);

/* LIMIT when the value is outside of the setting's range; nothing is changed then. */
enum ordo_err ordo_settings_set(
    struct ordo_settings_values *values,
    const struct ordo_setting *setting,
    int64_t value) ORDO_MUST_USE;

#endif
