#include "order/parts.h"

/* A chain: several creates that happen together or not at all. One command, one record, one
 * outcome. All members are checked before the first is done, each as if those before it were done
 * (create.c), so nothing has ever to be taken back. A chain has at most 8 members of 64 units
 * together, so its outcome fits even when each member is paid and issued at once: 16 transitions,
 * 64 cards.
 *
 * The chain is about no order of its own: the members' orders are other orders of its outcome. A
 * refused chain touches none of them; its result names the member.
 */

_Static_assert(2 * ORDO_CHAIN_MAX <= ORDO_TRANSITIONS_MAX, "create-paid and issue for each member");

struct members {
    uint32_t count;
    struct ordo_create_case cases[ORDO_CHAIN_MAX];
    struct ordo_command commands[ORDO_CHAIN_MAX]; /* what the cases point to */
};

static uint16_t decode_members(const struct ordo_chain *chain, struct members *members)
{
    struct ordo_reader in = ordo_reader_over(chain->members.raw.data, chain->members.raw.size);
    uint64_t units = 0;
    members->count = chain->members.count;
    ORDO_ASSERT(members->count <= ORDO_CHAIN_MAX); /* the schema says so */
    for (uint32_t i = 0; i < members->count; i++) {
        struct ordo_command *command = &members->commands[i];
        if (!ordo_member_decode(ordo_read_bytes(&in, ORDO_MEMBER_MAX), command) ||
            command->create.wait_s != 0) {
            return ORDO_RESULT_CHAIN_INVALID;
        }
        units += command->create.quantity;
        members->cases[i] = (struct ordo_create_case){
            .create = &command->create, .earlier = members->cases, .earlier_count = i};
    }
    bool fits = members->count != 0 && units <= ORDO_CARDS_MAX;
    return fits ? ORDO_RESULT_OK : ORDO_RESULT_CHAIN_INVALID;
}

/* Whether the member will be paid when it is done: its units are not held then. */
static bool is_paid_at_once(const struct ordo_state *s, const struct ordo_create_case *c)
{
    const struct ordo_create *create = c->create;
    uint16_t currency = ordo_product_at(s, c->product)->currency;
    return create->amount == 0 ||
           ordo_order_waiting_money(s, c->order, create->amount, currency) != 0;
}

uint16_t ordo_decide_chain(struct ordo_state *s, const struct ordo_chain *chain)
{
    struct members members;
    uint16_t code = decode_members(chain, &members);
    for (uint32_t i = 0; i < members.count && code == ORDO_RESULT_OK; i++) {
        struct ordo_create_case *c = &members.cases[i];
        code = ordo_create_check(s, c);
        if (code != ORDO_RESULT_OK) {
            s->outcome.result.version = i + 1;
        } else {
            c->paid = is_paid_at_once(s, c);
        }
    }
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    for (uint32_t i = 0; i < members.count; i++) {
        ordo_create_do(s, &members.cases[i], false);
    }
    return ORDO_RESULT_OK;
}
