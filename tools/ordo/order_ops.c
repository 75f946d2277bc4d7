/* What an operator does with one order: the same commands that an admin page would send, each with
 * a name and a reason.
 */
#include "cli.h"
#include "order.h"
#include "order/result.h"

/* The kinds have their order and operator under the same names. */
#define OPERATE(command, member, order)                                                            \
    do {                                                                                           \
        (command).member.order_id = order_bytes((order)->order_id);                                \
        (command).member.operator_name = ordo_operator_name(&(order)->by);                         \
        (command).member.reason = ordo_operator_reason(&(order)->by);                              \
    } while (0)

int order_issue(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_ISSUE};
    OPERATE(command, issue, order);
    command.issue.partial = order->partial;
    return order_decide(order, &command);
}

int order_mark_paid(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_MARK_PAID};
    int code = order_fill(order);
    OPERATE(command, mark_paid, order);
    command.mark_paid.channel = order->channel;
    command.mark_paid.amount = order->amount;
    command.mark_paid.currency = order->currency;
    return code == ORDO_EXIT_OK ? order_decide(order, &command) : code;
}

int order_accept(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_ACCEPT};
    OPERATE(command, accept, order);
    return order_decide(order, &command);
}

int order_refund(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_REFUND};
    if (order->has_amount && order->amount == 0) {
        return ordo_cli_fail(
            ORDO_EXIT_USAGE, "--amount 0 gives nothing back; leave it out to refund all");
    }
    OPERATE(command, refund, order);
    command.refund.amount = order->amount;
    command.refund.done = order->done;
    return order_decide(order, &command);
}

int order_freeze(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_FREEZE};
    OPERATE(command, freeze, order);
    return order_decide(order, &command);
}

int order_unfreeze(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_UNFREEZE};
    OPERATE(command, unfreeze, order);
    return order_decide(order, &command);
}

int order_note(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_NOTE};
    OPERATE(command, note, order);
    command.note.reviewed = order->reviewed;
    return order_decide(order, &command);
}

int order_replace(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_REPLACE};
    if (order->card == 0) {
        return ordo_cli_fail(
            ORDO_EXIT_USAGE, "replace needs --card, one of the order's; `ordo order get` has them");
    }
    OPERATE(command, replace, order);
    command.replace.card = order->card;
    return order_decide(order, &command);
}
