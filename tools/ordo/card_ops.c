/* `ordo card void|recall`: cards that must not be given out, or must not have been. */
#include "card.h"
#include "cli.h"
#include "order/result.h"

#include <jansson.h>
#include <stdio.h>

int card_void(struct card *card)
{
    struct ordo_command command = {.kind = ORDO_KIND_CARD_VOID};
    struct ordo_card_void *v = &command.card_void;
    const struct ordo_answer *answer = NULL;
    char what[48];
    v->product = card->number;
    v->first = card->first;
    v->last = card->last == 0 ? card->first : card->last;
    v->operator_name = ordo_operator_name(&card->by);
    v->reason = ordo_operator_reason(&card->by);
    (void)snprintf(what, sizeof(what), "product %llu", (unsigned long long)card->number);
    int code = ordo_online_open(&card->online);
    if (code == ORDO_EXIT_OK) {
        code = ordo_online_call(&card->online, &command, &answer);
    }
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    const struct ordo_result *result = &answer->item.result;
    if (result->code != ORDO_RESULT_OK) {
        return ordo_online_refused(&card->online, what, answer);
    }
    if (card->online.json) {
        return ordo_online_print_json(json_pack(
            "{s:b, s:I, s:I, s:I}",
            "ok",
            1,
            "product",
            (json_int_t)card->number,
            "void",
            (json_int_t)result->version,
            "seq",
            (json_int_t)result->seq));
    }
    (void)printf(
        "%s: %u free cards made void (seq %llu)\n",
        what,
        result->version,
        (unsigned long long)result->seq);
    return ORDO_EXIT_OK;
}

int card_recall(struct card *card)
{
    struct ordo_command command = {.kind = ORDO_KIND_RECALL};
    const struct ordo_answer *answer = NULL;
    char what[48];
    command.recall.card = card->number;
    command.recall.operator_name = ordo_operator_name(&card->by);
    command.recall.reason = ordo_operator_reason(&card->by);
    (void)snprintf(what, sizeof(what), "card #%llu", (unsigned long long)card->number);
    int code = ordo_online_open(&card->online);
    if (code == ORDO_EXIT_OK) {
        code = ordo_online_call(&card->online, &command, &answer);
    }
    return code == ORDO_EXIT_OK ? ordo_online_result(&card->online, what, &command, answer) : code;
}
