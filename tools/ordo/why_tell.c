/* Most records concern an order because an effect names it. Three kinds do not: a refused create of
 * a number that nobody knew, a refused chain that has the order as a member, and a payment fact
 * that brings one of the order's payments for another order (CONFLICT). All are part of its life:
 * they are what a buyer complains about.
 *
 * An outcome's flags are those after the command, so what came and went is the difference to the
 * effect before. Postings belong to the whole command; with more than one order in it, it is said
 * so.
 */
#include "why_tell.h"

#include "why_line.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#define KEY_MAX (16 + ORDO_MERCHANT_MAX + ORDO_TRADE_NO_MAX)

bool ordo_why_begin(
    struct ordo_why *why, enum ordo_language language, uint32_t shop, struct ordo_bytes order_id)
{
    *why = (struct ordo_why){.language = language, .shop = shop, .order_id = order_id};
    why->records = json_array();
    why->trades = json_object();
    return why->records != NULL && why->trades != NULL;
}

void ordo_why_end(struct ordo_why *why)
{
    json_decref(why->records);
    json_decref(why->trades);
    why->records = NULL;
    why->trades = NULL;
}

/* ---- what concerns the order ---- */

/* One record with everything that is known of its part in this order's life. */
struct part {
    const struct ordo_record_view *view;
    const struct ordo_effect *effect;   /* of this order; NULL: it only names it */
    const struct ordo_command *command; /* the record's, or this order's member of a chain */
    uint16_t code;                      /* for this order */
    bool foreign;                       /* a fact that names another order */
};

static bool is_mine(const struct ordo_why *why, uint32_t shop, struct ordo_bytes order_id)
{
    return shop == why->shop && ordo_bytes_equal(order_id, why->order_id);
}

static void trade_key(const struct ordo_fact *fact, char key[KEY_MAX])
{
    (void)snprintf(
        key,
        KEY_MAX,
        "%" PRIu64 "/%.*s/%.*s",
        fact->channel,
        (int)fact->merchant.size,
        (const char *)fact->merchant.data,
        (int)fact->trade_no.size,
        (const char *)fact->trade_no.data);
}

static const struct ordo_effect *
find_effect(struct ordo_why *why, const struct ordo_outcome *outcome)
{
    for (uint32_t i = 0; i < outcome->effect_count; i++) {
        const struct ordo_effect *effect = &outcome->effects[i];
        if (is_mine(why, effect->shop, effect->order_id)) {
            return effect;
        }
        if (ordo_bytes_equal(effect->order_id, why->order_id)) {
            why->in_other_shop = true;
            why->other_shop = effect->shop;
        }
    }
    return NULL;
}

/* Looks for the order among the members of a chain. False: a member is no command. */
static bool
find_member(const struct ordo_why *why, struct part *part, struct ordo_command *member, bool *found)
{
    const struct ordo_command *chain = &part->view->command;
    const struct ordo_result *result = &part->view->outcome.result;

    *found = false;
    for (uint32_t i = 0; i < chain->chain.members.count && !*found; i++) {
        if (!ordo_record_chain_member(chain, i, member)) {
            return result->code != ORDO_RESULT_OK; /* chain_invalid may hold anything */
        }
        if (is_mine(why, chain->shop, ordo_command_order_id(member))) {
            part->command = member;
            bool another = result->code != ORDO_RESULT_OK && result->version != i + 1;
            part->code = another && result->version != 0 ? ORDO_RESULT_LINKED_FAILED : result->code;
            *found = true;
        }
    }
    return true;
}

static bool
concerns(struct ordo_why *why, struct part *part, struct ordo_command *member, bool *yes)
{
    const struct ordo_command *command = &part->view->command;

    part->effect = find_effect(why, &part->view->outcome);
    part->command = command;
    part->code = part->view->outcome.result.code;
    *yes = part->effect != NULL || is_mine(why, command->shop, ordo_command_order_id(command));
    if (command->kind == ORDO_KIND_CHAIN && command->shop == why->shop) {
        bool found;
        bool read = find_member(why, part, member, &found);
        *yes = *yes || found;
        return read;
    }
    if (!*yes && command->kind == ORDO_KIND_FACT && command->shop == why->shop) {
        char key[KEY_MAX];
        trade_key(&command->fact, key);
        part->foreign = json_object_get(why->trades, key) != NULL;
        *yes = part->foreign;
    }
    return true;
}

/* ---- one record as an object ---- */

static void put(json_t *object, const char *name, const char *text)
{
    if (text != NULL) {
        (void)json_object_set_new(object, name, json_string(text));
    }
}

static int amount_sign(const struct ordo_why *why, const struct ordo_command *command)
{
    if (command->kind != ORDO_KIND_FACT || !why->created) {
        return 0;
    }
    if (command->fact.currency != why->currency || command->fact.amount < why->amount) {
        return -1;
    }
    return command->fact.amount > why->amount ? 1 : 0;
}

static json_t *transitions_of(struct ordo_why *why, const struct part *part)
{
    json_t *list = json_array();
    const struct ordo_outcome *outcome = &part->view->outcome;

    for (uint32_t i = 0; i < part->effect->transition_count; i++) {
        const struct ordo_transition *t = &outcome->transitions[part->effect->transition_first + i];
        struct ordo_why_step step = {
            .from = t->from,
            .to = t->to,
            .kind = part->view->command.kind,
            .disposition = outcome->result.disposition,
            .amount_sign = amount_sign(why, part->command),
        };
        enum ordo_event event = ordo_why_event_of(&step);
        json_t *one =
            json_pack("{s:s, s:s}", "from", ordo_state_name(t->from), "to", ordo_state_name(t->to));
        put(one, "event", event == ORDO_EVENT_COUNT ? NULL : ordo_event_name(event));
        put(one, "text", ordo_why_event(why->language, event));
        put(one, "from_text", ordo_why_state(why->language, t->from));
        put(one, "to_text", ordo_why_state(why->language, t->to));
        (void)json_array_append_new(list, one);
        bool voided = t->from == ORDO_STATE_ISSUING &&
                      (t->to == ORDO_STATE_REFUNDING || t->to == ORDO_STATE_REFUNDED);
        why->card_count = voided ? 0 : why->card_count;
        why->state = t->to;
    }
    return list;
}

static void drop_card(struct ordo_why *why, uint64_t card)
{
    for (uint32_t i = 0; i < why->card_count; i++) {
        if (why->cards[i] == card) {
            why->cards[i] = why->cards[--why->card_count];
            return;
        }
    }
}

static json_t *cards_of(struct ordo_why *why, const struct part *part)
{
    json_t *list = json_array();

    if (part->effect->card_count > 0 && part->command->kind == ORDO_KIND_REPLACE) {
        drop_card(why, part->command->replace.card);
    } else if (part->effect->card_count > 0 && part->command->kind == ORDO_KIND_RECALL) {
        drop_card(why, part->command->recall.card);
    }
    for (uint32_t i = 0; i < part->effect->card_count; i++) {
        uint64_t card = part->view->outcome.cards[part->effect->card_first + i];
        (void)json_array_append_new(list, json_integer((json_int_t)card));
        if (why->card_count < ORDO_CARDS_MAX) {
            why->cards[why->card_count++] = card;
        }
    }
    return list;
}

static json_t *flags_in(enum ordo_language language, uint32_t flags)
{
    json_t *list = json_array();

    for (uint32_t flag = 1; flag != 0; flag <<= 1) {
        const char *name = (flags & flag) == 0 ? NULL : ordo_why_flag_name(flag);
        if (name != NULL) {
            (void)json_array_append_new(
                list, json_pack("{s:s, s:s}", "name", name, "text", ordo_why_flag(language, flag)));
        }
    }
    return list;
}

static json_t *money_of(const struct ordo_why *why, const struct ordo_outcome *outcome)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < outcome->posting_count; i++) {
        const struct ordo_posting *p = &outcome->postings[i];
        char channel[24];
        ordo_why_channel(p->channel, channel, sizeof(channel));
        (void)json_array_append_new(
            list,
            json_pack(
                "{s:s, s:I, s:s, s:I, s:s}",
                "channel",
                channel,
                "currency",
                (json_int_t)p->currency,
                "account",
                ordo_account_name(p->account),
                "amount",
                (json_int_t)p->amount,
                "text",
                p->account < ORDO_ACCOUNT_COUNT ? ordo_why_account(why->language, p->account)
                                                : "?"));
    }
    return list;
}

/* The command was about the order: its own, a member of the chain, or the one that has the card. */
static bool is_about(const struct part *part)
{
    uint8_t kind = part->view->command.kind;
    bool by_name = kind == ORDO_KIND_CHAIN || kind == ORDO_KIND_RECALL;
    return part->effect == NULL || part->effect->own || by_name;
}

/* What the outcome did to the order. */
static void follow(struct ordo_why *why, const struct part *part, json_t *object)
{
    const struct ordo_effect *effect = part->effect;
    uint32_t before = why->flags;
    bool served = !is_about(part) && !ordo_kind_is_internal(part->view->command.kind);

    why->named = true;
    (void)json_object_set_new(object, "transitions", transitions_of(why, part));
    (void)json_object_set_new(object, "cards", cards_of(why, part));
    (void)json_object_set_new(
        object, "flags_came", flags_in(why->language, effect->flags & ~before));
    (void)json_object_set_new(
        object, "flags_went", flags_in(why->language, before & ~effect->flags));
    (void)json_object_set_new(object, "money", money_of(why, &part->view->outcome));
    (void)json_object_set_new(
        object, "money_shared", json_boolean(part->view->outcome.effect_count > 1));
    (void)json_object_set_new(object, "version", json_integer(effect->version));
    (void)json_object_set_new(object, "served", json_boolean(served));
    why->flags = effect->flags;
    why->version = effect->version;
    if (effect->transition_count == 0 && effect->own && part->code == ORDO_RESULT_OK) {
        bool waits = (effect->flags & ORDO_FLAG_WAITING) != 0;
        enum ordo_event event =
            ordo_why_event_of_stay(part->command, part->view->outcome.result.disposition, waits);
        put(object, "stays", ordo_why_event(why->language, event));
    }
}

/* What later records are told with. */
static void remember(struct ordo_why *why, const struct part *part)
{
    if (part->code != ORDO_RESULT_OK) {
        return;
    }
    if (part->command->kind == ORDO_KIND_CREATE && part->effect != NULL) {
        why->created = true;
        why->product = part->command->create.product;
        why->quantity = part->command->create.quantity;
        why->amount = part->command->create.amount;
        why->currency = (uint32_t)part->command->create.currency;
    }
    bool pays = part->command->kind == ORDO_KIND_FACT && !part->foreign &&
                part->view->outcome.result.disposition != ORDO_DISPOSITION_CONFLICT;
    if (pays && part->effect != NULL) {
        char key[KEY_MAX];
        trade_key(&part->command->fact, key);
        (void)json_object_set_new(why->trades, key, json_true());
    }
}

static json_t *object_of(struct ordo_why *why, const struct part *part)
{
    const struct ordo_result *result = &part->view->outcome.result;
    const struct ordo_command_schema *schema = ordo_schema_of(part->view->command.kind);
    char line[ORDO_WHY_LINE_MAX];
    json_t *object = json_pack(
        "{s:I, s:I, s:s}",
        "seq",
        (json_int_t)part->view->record->seq,
        "time_us",
        (json_int_t)part->view->record->time_us,
        "kind",
        schema == NULL ? "?" : schema->name);

    ordo_why_line(why->language, part->command, line);
    put(object, "what", line);
    ordo_why_who(why->language, part->command, line);
    put(object, "who", line);
    put(object, "result", ordo_result_name(part->code));
    bool about = is_about(part);
    if (about && part->code != ORDO_RESULT_OK) {
        put(object, "refused", ordo_why_result(why->language, part->code));
    }
    if (about && result->disposition != ORDO_DISPOSITION_NONE) {
        put(object, "disposition", ordo_disposition_name(result->disposition));
        put(object, "disposition_text", ordo_why_disposition(why->language, result->disposition));
    }
    if (part->foreign) {
        struct ordo_bytes other = part->command->fact.order_id;
        (void)json_object_set_new(
            object, "names_order", json_stringn((const char *)other.data, other.size));
    }
    if (part->effect != NULL) {
        follow(why, part, object);
    }
    return object;
}

bool ordo_why_add(struct ordo_why *why, const struct ordo_record_view *view)
{
    struct ordo_command member;
    struct part part = {.view = view};
    bool yes;

    why->seq = view->record->seq;
    why->time_us = view->record->time_us;
    if (!concerns(why, &part, &member, &yes)) {
        return false;
    }
    if (!yes) {
        return true;
    }
    json_t *object = object_of(why, &part);
    remember(why, &part);
    return json_array_append_new(why->records, object) == 0;
}
