/* card.h - the parts of `ordo card`: card.c has the line and `add`, card_ops.c what an operator
 * does.
 *
 * Inside of the verb only; one thread.
 */
#ifndef ORDO_TOOLS_CARD_H
#define ORDO_TOOLS_CARD_H

#include "online.h"
#include "operator.h"

struct card {
    struct ordo_online online; /* first: the child's input */
    struct ordo_operator by;
    const char *action;
    const char *file;
    uint64_t number; /* the product, or the card of a recall */
    uint64_t first;
    uint64_t last;
    char *text;
    size_t size;
    size_t room;
    struct ordo_key key;
};

/* Each opens the connection, returns an exit code and has printed what came of it. */
int card_void(struct card *card);
int card_recall(struct card *card);

#endif
