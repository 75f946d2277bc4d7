/* The text is the JSON form put into lines: both cannot disagree. */
#include "online.h"
#include "why_tell.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#define STANDS_MAX 1024

/* ---- where it stands ---- */

static bool is_chinese(const struct ordo_why *why)
{
    return why->language == ORDO_CHINESE;
}

/* Flags that say what has to happen next. */
#define CALLS (ORDO_FLAG_FROZEN | ORDO_FLAG_REVIEW | ORDO_FLAG_QUERY_DUE)

static void stands(const struct ordo_why *why, char text[STANDS_MAX])
{
    const char *state = ordo_why_state(why->language, why->state);
    const char *waits = ordo_why_waits(why->language, why->state);
    int id_size = (int)why->order_id.size;
    const char *id = (const char *)why->order_id.data;
    size_t used;

    if (!why->named) {
        (void)snprintf(
            text,
            STANDS_MAX,
            is_chinese(why) ? "%.*s:从未创建" : "%.*s was never created",
            id_size,
            id);
        return;
    }
    if ((why->flags & ORDO_FLAG_WAITING) != 0) {
        waits = ordo_why_flag(why->language, ORDO_FLAG_WAITING);
    }
    (void)snprintf(
        text,
        STANDS_MAX,
        is_chinese(why) ? "%.*s 现为 %s(版本 %u):%s" : "%.*s is %s (version %u): it %s",
        id_size,
        id,
        state,
        why->version,
        waits);
    for (uint32_t flag = 1; flag != 0 && flag <= ORDO_FLAG_WAITING; flag <<= 1) {
        used = strlen(text);
        if ((why->flags & flag & CALLS) != 0) {
            (void)snprintf(
                text + used,
                STANDS_MAX - used,
                is_chinese(why) ? ";%s" : "; %s",
                ordo_why_flag(why->language, flag));
        }
    }
}

/* ---- JSON ---- */

json_t *ordo_why_json(const struct ordo_why *why)
{
    char text[STANDS_MAX];
    json_t *cards = json_array();
    json_t *flags = json_array();

    for (uint32_t i = 0; i < why->card_count; i++) {
        (void)json_array_append_new(cards, json_integer((json_int_t)why->cards[i]));
    }
    for (uint32_t flag = 1; flag != 0; flag <<= 1) {
        const char *name = (why->flags & flag) == 0 ? NULL : ordo_why_flag_name(flag);
        if (name != NULL) {
            (void)json_array_append_new(flags, json_string(name));
        }
    }
    stands(why, text);
    return json_pack(
        "{s:s%, s:I, s:b, s:s, s:I, s:o, s:I, s:I, s:I, s:I, s:o, s:O, s:s}",
        "order",
        (const char *)why->order_id.data,
        (size_t)why->order_id.size,
        "shop",
        (json_int_t)why->shop,
        "created",
        why->created,
        "state",
        ordo_state_name(why->state),
        "version",
        (json_int_t)why->version,
        "flags",
        flags,
        "product",
        (json_int_t)why->product,
        "quantity",
        (json_int_t)why->quantity,
        "amount",
        (json_int_t)why->amount,
        "currency",
        (json_int_t)why->currency,
        "cards",
        cards,
        "records",
        why->records,
        "stands",
        text);
}

/* ---- text ---- */

enum label { WHAT, WHO, RESULT, STATE, CARDS, MONEY, FLAG, LABEL_COUNT };

static void label(const struct ordo_why *why, enum label which, FILE *out)
{
    static const char *const labels[LABEL_COUNT][ORDO_LANGUAGE_COUNT] = {
        [WHAT] = {"what  ", "事项"},
        [WHO] = {"who   ", "来源"},
        [RESULT] = {"result", "结果"},
        [STATE] = {"state ", "状态"},
        [CARDS] = {"cards ", "卡号"},
        [MONEY] = {"money ", "款项"},
        [FLAG] = {"flag  ", "标记"},
    };
    (void)fprintf(out, "  %s  ", labels[which][why->language]);
}

static const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

static void print_result(const struct ordo_why *why, const json_t *record, FILE *out)
{
    if (json_object_get(record, "refused") != NULL) {
        label(why, RESULT, out);
        (void)fprintf(
            out,
            "%s %s: %s\n",
            is_chinese(why) ? "拒绝" : "refused",
            text_at(record, "result"),
            text_at(record, "refused"));
    }
    if (json_object_get(record, "disposition") != NULL) {
        label(why, RESULT, out);
        (void)fprintf(
            out, "%s: %s\n", text_at(record, "disposition"), text_at(record, "disposition_text"));
    }
    if (json_object_get(record, "names_order") != NULL) {
        label(why, RESULT, out);
        (void)fprintf(
            out,
            is_chinese(why) ? "该通知写的是订单 %s,但这笔付款属于本订单\n"
                            : "it names order %s, but its payment is one of this order\n",
            text_at(record, "names_order"));
    }
    if (json_object_get(record, "stays") != NULL) {
        label(why, STATE, out);
        (void)fprintf(
            out, "%s: %s\n", is_chinese(why) ? "不变" : "stays", text_at(record, "stays"));
    }
}

static void print_transitions(const struct ordo_why *why, const json_t *record, FILE *out)
{
    size_t index;
    json_t *t;

    json_array_foreach(json_object_get(record, "transitions"), index, t)
    {
        label(why, STATE, out);
        (void)fprintf(
            out,
            "%s -> %s: %s\n",
            text_at(t, "from_text"),
            text_at(t, "to_text"),
            text_at(t, "text"));
    }
}

static void print_cards(const struct ordo_why *why, const json_t *record, FILE *out)
{
    size_t index;
    json_t *card;
    const json_t *cards = json_object_get(record, "cards");

    if (json_array_size(cards) == 0) {
        return;
    }
    label(why, CARDS, out);
    json_array_foreach(cards, index, card)
    {
        (void)fprintf(
            out, "%s%" JSON_INTEGER_FORMAT, index == 0 ? "" : ", ", json_integer_value(card));
    }
    (void)fputc('\n', out);
}

static void print_money(const struct ordo_why *why, const json_t *record, FILE *out)
{
    size_t index;
    json_t *posting;
    const char *shared =
        is_chinese(why) ? "(本命令涉及的全部订单合计)" : " (of all orders of this command)";

    json_array_foreach(json_object_get(record, "money"), index, posting)
    {
        char amount[48];
        json_int_t minor = json_integer_value(json_object_get(posting, "amount"));
        uint32_t currency = (uint32_t)json_integer_value(json_object_get(posting, "currency"));
        label(why, MONEY, out);
        (void)fprintf(
            out,
            "%s%s %s (%s)%s\n",
            minor < 0 ? "" : "+",
            ordo_online_money(minor, currency, amount, sizeof(amount)),
            text_at(posting, "text"),
            text_at(posting, "channel"),
            json_is_true(json_object_get(record, "money_shared")) ? shared : "");
    }
}

static void print_flags(const struct ordo_why *why, const json_t *list, bool came, FILE *out)
{
    size_t index;
    json_t *flag;
    const char *gone = is_chinese(why) ? "不再:" : "no longer: ";

    json_array_foreach(list, index, flag)
    {
        label(why, FLAG, out);
        (void)fprintf(
            out,
            "%c %s: %s%s\n",
            came ? '+' : '-',
            text_at(flag, "name"),
            came ? "" : gone,
            text_at(flag, "text"));
    }
}

static void print_record(const struct ordo_why *why, const json_t *record, FILE *out)
{
    char when[64];
    uint64_t time_us = (uint64_t)json_integer_value(json_object_get(record, "time_us"));

    (void)fprintf(
        out,
        "%s  seq %" JSON_INTEGER_FORMAT "\n",
        ordo_online_time(time_us, when, sizeof(when)),
        json_integer_value(json_object_get(record, "seq")));
    label(why, WHAT, out);
    if (json_is_true(json_object_get(record, "served"))) {
        (void)fprintf(
            out, "%s", is_chinese(why) ? "引擎随以下命令处理:" : "served by the engine after: ");
    }
    (void)fprintf(out, "%s\n", text_at(record, "what"));
    label(why, WHO, out);
    (void)fprintf(out, "%s\n", text_at(record, "who"));
    print_result(why, record, out);
    print_transitions(why, record, out);
    print_cards(why, record, out);
    print_money(why, record, out);
    print_flags(why, json_object_get(record, "flags_came"), true, out);
    print_flags(why, json_object_get(record, "flags_went"), false, out);
}

void ordo_why_print(const struct ordo_why *why, FILE *out)
{
    size_t index;
    json_t *record;
    char text[STANDS_MAX];

    json_array_foreach(why->records, index, record)
    {
        print_record(why, record, out);
    }
    stands(why, text);
    (void)fprintf(out, "%s\n", text);
}
