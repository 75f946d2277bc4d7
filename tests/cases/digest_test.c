/* Goal: the digest covers what was said to the world, not only what was heard and kept.
 * Method: the rolling hash over the bytes of all journaled outcomes is made again beside the state;
 * a state that differs in it alone has another digest.
 */
#include "clerk.h"

#include "base/hash.h"
#include "order/domain.h"

#include <criterion/criterion.h>

static struct shop shop;
static uint64_t expected;

/* What the last command said. */
static void heard(uint16_t code)
{
    (void)code;
    if (shop.applied.journaled) {
        expected = ordo_hash64(shop.outcome_bytes, shop.outcome_size, expected);
    }
    cr_assert_eq(ordo_head(shop.state)->outcome_hash, expected);
}

Test(digest, covers_every_outcome)
{
    shop_open(&shop, NULL);
    (void)make_goods(&shop, 1, ORDO_STOCK_CARDS, 0);
    heard(shop_send(&shop));
    heard(add_cards(&shop, 1, 1, 3));
    heard(create(&shop, "A", 1, 2));
    heard(create(&shop, "B", 2, 2)); /* a refusal is an outcome */
    heard(shop_resend(&shop));       /* told again, it is not */
    heard(pay(&shop, "A", "t1", 2 * PRICE));
    heard(acknowledge(&shop, "A"));
    struct ordo_hash128 before = ordo_state_digest_full(shop.state);
    ordo_head_edit(shop.state, ORDO_HEAD)->outcome_hash++;
    struct ordo_hash128 after = ordo_state_digest_full(shop.state);
    struct ordo_hash128 incremental = ordo_state_digest(shop.state);
    cr_assert(before.low != after.low || before.high != after.high);
    cr_assert(incremental.low == after.low && incremental.high == after.high);
    shop_close(&shop);
}
