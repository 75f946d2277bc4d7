/* The catalogue of cases that people have complained about elsewhere, by its numbers, and the
 * options of a sale that show each. Where no load can, it says what does.
 */
#include "sale.h"

#include <string.h>

static const struct sale_preset presets[] = {
    {"AC-01", "duplicates=50", "the same notification several times at once: issued once"},
    {"AC-02", "duplicates=50", "the second notification while the first is on its way"},
    {"AC-03",
     "late=20,coupon-late=10",
     "paid after expiry, stock free: honoured, coupon used again"},
    {"AC-04", "late-backorder=15,late-refund=10", "paid after expiry, stock gone: by policy"},
    {"AC-05", NULL, "the late window; tests/unit/order"},
    {"AC-06", "race=30", "expiry and payment at the same time: both orders are legal"},
    {"AC-07", "fail-first=40", "a failure first, the success second"},
    {"AC-08", "out-of-order=40", "the success first, a failure told later"},
    {"AC-09", "orphan=30", "paid before the order is known: applied when it comes"},
    {"AC-10", "stray=30", "paid for an order that nobody knows: kept for review"},
    {"AC-11", "extra=30", "two payments of one order: the second is due back"},
    {"AC-12", NULL, "a crash between paid and issued; tests/crash/kill_loop"},
    {"AC-13", "backorder=30", "more are paid than there is: they wait, none gets an apology"},
    {"AC-14", "backorder=30,waiting=20", "stock comes: who waits gets it, in order, once"},
    {"AC-15", "hoarders=30,quota=6", "unpaid holds of a few are bounded by their quota"},
    {"AC-16", "never-paid=40", "abandoned orders give their stock back"},
    {"AC-17", "coupon=20,coupon-back=10,coupon-late=10", "a coupon never counts more than it may"},
    {"AC-18", "coupon-back=30,coupon=10", "a cancelled order gives its coupon back, once"},
    {"AC-19",
     "backorder=10,waiting=10,loop=10,counted=10",
     "the stock shown is the stock there is"},
    {"AC-20", "unlimited=30", "unlimited goods stay unlimited"},
    {"AC-21", "loop=30", "a card that is sold again and again"},
    {"AC-22", NULL, "a card imported twice; tests/e2e/by_hand.py"},
    {"AC-23", "mark-paid=30", "marked as paid by an operator, then the payment: bound to it"},
    {"AC-24", "short=10,accepted=10,over=10", "paid too little and too much"},
    {"AC-25", "attempt-again=30,extended=10", "the same attempt again while it is open"},
    {"AC-26", "conflict=30", "a payment told for another order or amount"},
    {"AC-27", NULL, "input that is no command; tests/e2e/bad_input.py"},
    {"AC-28", "unconfirmed=30", "a signed success that only a query confirms"},
    {"AC-29", "refund-echo=20,partial-refund=20", "a part refunded: told, not issued again"},
    {"AC-30", "refund=20,duplicates=30", "told again after everything: a duplicate"},
    {"AC-31", "duplicates=10", "several messages a frame: all of them; every sale sends batches"},
    {"AC-32", NULL, "a product closed while it is paid; tests/unit/order"},
    {"AC-35", NULL, "the gateway's number finds the order; tests/e2e/by_hand.py"},
    {"AC-36", NULL, "told success and there after a restart; --ack-log, --verify"},
};

const struct sale_preset *sale_preset_at(uint32_t index)
{
    return index < sizeof(presets) / sizeof(presets[0]) ? &presets[index] : NULL;
}

const struct sale_preset *sale_preset_named(const char *name)
{
    const struct sale_preset *preset;
    for (uint32_t i = 0; (preset = sale_preset_at(i)) != NULL; i++) {
        if (strcmp(preset->name, name) == 0) {
            return preset;
        }
    }
    return NULL;
}
