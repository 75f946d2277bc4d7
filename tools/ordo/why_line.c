/* One line a command. Which fields a line shows is written here by kind; the operator's name and
 * reason are found by the schema, so that every command that carries them shows them.
 */
#include "why_line.h"

#include "online.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

struct line {
    char *at;
    size_t used;
    bool chinese;
};

static void add(struct line *line, const char *format, ...) ORDO_PRINTF(2, 3);

static void add(struct line *line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int size = vsnprintf(line->at + line->used, ORDO_WHY_LINE_MAX - line->used, format, args);
    va_end(args);
    if (size > 0) {
        line->used += (size_t)size;
    }
    if (line->used >= ORDO_WHY_LINE_MAX) {
        line->used = ORDO_WHY_LINE_MAX - 1; /* cut */
    }
}

static struct line line_over(char *at, enum ordo_language language)
{
    at[0] = '\0';
    return (struct line){.at = at, .chinese = language == ORDO_CHINESE};
}

/* Opaque bytes: control bytes become dots, so that a reason cannot write lines of its own. */
static void add_bytes(struct line *line, struct ordo_bytes bytes)
{
    for (uint32_t i = 0; i < bytes.size; i++) {
        bool plain = bytes.data[i] >= 0x20 && bytes.data[i] != 0x7f;
        add(line, "%c", plain ? bytes.data[i] : '.');
    }
}

static void add_money(struct line *line, int64_t amount, uint64_t currency)
{
    char text[48];
    add(line, "%s", ordo_online_money(amount, (uint32_t)currency, text, sizeof(text)));
}

void ordo_why_channel(uint64_t channel, char *out, size_t size)
{
    const char *name = ordo_online_channel_name(channel);
    if (name == NULL) {
        (void)snprintf(out, size, "%" PRIu64, channel);
    } else {
        (void)snprintf(out, size, "%s", name);
    }
}

static void add_channel(struct line *line, uint64_t channel)
{
    char name[24];
    ordo_why_channel(channel, name, sizeof(name));
    add(line, line->chinese ? "渠道 %s" : "channel %s", name);
}

static void add_create(struct line *line, const struct ordo_create *create)
{
    add(line,
        line->chinese ? "%" PRIu64 " 件商品 %" PRIu64 ",应付 "
                      : "%" PRIu64 " of product %" PRIu64 " for ",
        create->quantity,
        create->product);
    add_money(line, create->amount, create->currency);
    if (create->coupon.size != 0) {
        add(line, line->chinese ? ",优惠券 " : ", coupon ");
        add_bytes(line, create->coupon);
    }
    if (create->card != 0) {
        add(line, line->chinese ? ",指定卡 %" PRIu64 : ", card %" PRIu64 " named", create->card);
    }
    if (create->wait_s != 0) {
        add(line,
            line->chinese ? ",愿意排队 %" PRIu64 " 秒" : ", would wait %" PRIu64 " s for a unit",
            create->wait_s);
    }
}

static void add_fact(struct line *line, const struct ordo_fact *fact, enum ordo_language language)
{
    const char *said = ordo_why_fact(language, fact->fact);
    add(line, "%s ", said == NULL ? "?" : said);
    add_money(line, fact->amount, fact->currency);
    if (fact->refund_total != 0) {
        add(line, line->chinese ? ",累计退款 " : ", given back so far ");
        add_money(line, fact->refund_total, fact->currency);
    }
    add(line, line->chinese ? ",交易号 " : ", trade_no ");
    add_bytes(line, fact->trade_no);
}

static void add_refund(struct line *line, const struct ordo_refund *refund)
{
    if (refund->amount == 0) {
        add(line, "%s", line->chinese ? "全部" : "all that there is");
    } else {
        char text[48];
        (void)ordo_online_money(refund->amount, 0, text, sizeof(text));
        add(line, "%.*s", (int)strcspn(text, " "), text); /* its currency is the order's */
    }
    add(line,
        "%s",
        refund->done != 0
            ? (line->chinese ? ",已在渠道外退回" : ", given back outside of a gateway")
            : (line->chinese ? ",待退" : ", to be given back"));
}

/* What of the command's fields a person wants to see. False: nothing. */
static void
add_details(struct line *line, const struct ordo_command *command, enum ordo_language language)
{
    switch (command->kind) {
    case ORDO_KIND_CREATE:
        add_create(line, &command->create);
        break;
    case ORDO_KIND_ATTEMPT:
        add_channel(line, command->attempt.channel);
        add(line, ", ");
        add_money(line, command->attempt.amount, command->attempt.currency);
        break;
    case ORDO_KIND_FACT:
        add_fact(line, &command->fact, language);
        break;
    case ORDO_KIND_MARK_PAID:
        add_channel(line, command->mark_paid.channel);
        add(line, ", ");
        add_money(line, command->mark_paid.amount, command->mark_paid.currency);
        break;
    case ORDO_KIND_REFUND:
        add_refund(line, &command->refund);
        break;
    case ORDO_KIND_EXTEND:
        add(line, line->chinese ? "%" PRIu64 " 秒" : "%" PRIu64 " s", command->extend.hold_ttl_s);
        break;
    case ORDO_KIND_REPLACE:
        add(line, line->chinese ? "卡 %" PRIu64 : "card %" PRIu64, command->replace.card);
        break;
    case ORDO_KIND_RECALL:
        add(line, line->chinese ? "卡 %" PRIu64 : "card %" PRIu64, command->recall.card);
        break;
    case ORDO_KIND_CARD_IMPORT:
        add(line,
            line->chinese ? "商品 %" PRIu64 ",%u 张" : "product %" PRIu64 ", %u cards",
            command->card_import.product,
            command->card_import.cards.count);
        break;
    case ORDO_KIND_PRODUCT_PUT:
        add(line,
            line->chinese ? "商品 %" PRIu64 : "product %" PRIu64,
            command->product_put.product);
        break;
    case ORDO_KIND_ISSUE:
        add(line,
            "%s",
            command->issue.partial == 0 ? ""
            : line->chinese             ? "允许部分发货"
                                        : "fewer units will do");
        break;
    case ORDO_KIND_NOTE:
        add(line, "%s", command->note.reviewed == 0 ? "" : line->chinese ? "已核对" : "reviewed");
        break;
    default:
        break;
    }
}

void ordo_why_line(
    enum ordo_language language, const struct ordo_command *command, char text[ORDO_WHY_LINE_MAX])
{
    struct line line = line_over(text, language);
    const char *what = ordo_why_command(language, command->kind);

    add(&line, "%s", what == NULL ? "?" : what);
    size_t before = line.used;
    add(&line, "%s", line.chinese ? ":" : ": ");
    size_t after = line.used;
    add_details(&line, command, language);
    if (line.used == after) {
        text[before] = '\0'; /* no details, no colon */
    }
}

/* The text or bytes field of this name; empty when the command has none. */
static struct ordo_bytes field_named(const struct ordo_command *command, const char *name)
{
    const struct ordo_command_schema *schema = ordo_schema_of(command->kind);
    struct ordo_bytes bytes = {NULL, 0};

    for (uint32_t i = 0; schema != NULL && i < schema->field_count; i++) {
        const struct ordo_field *field = &schema->fields[i];
        bool is_text = field->type == ORDO_FIELD_T || field->type == ORDO_FIELD_B;
        if (is_text && strcmp(field->name, name) == 0) {
            memcpy(&bytes, (const uint8_t *)&command->settings + field->offset, sizeof(bytes));
        }
    }
    return bytes;
}

static void
who_gateway(struct line *line, const struct ordo_fact *fact, enum ordo_language language)
{
    const char *verified = ordo_why_verified(language, fact->verified_by);
    add(line, line->chinese ? "支付渠道," : "gateway, ");
    add_channel(line, fact->channel);
    if (fact->merchant.size != 0) {
        add(line, line->chinese ? ",商户 " : ", merchant ");
        add_bytes(line, fact->merchant);
    }
    add(line, line->chinese ? ",%s" : ", %s", verified == NULL ? "?" : verified);
}

void ordo_why_who(
    enum ordo_language language, const struct ordo_command *command, char text[ORDO_WHY_LINE_MAX])
{
    struct line line = line_over(text, language);
    struct ordo_bytes name = field_named(command, "operator_name");
    struct ordo_bytes reason = field_named(command, "reason");

    if (ordo_kind_is_internal(command->kind)) {
        add(&line, "%s", line.chinese ? "引擎" : "the engine itself");
    } else if (command->kind == ORDO_KIND_FACT) {
        who_gateway(&line, &command->fact, language);
    } else if (name.size != 0) {
        add(&line, "%s ", line.chinese ? "操作员" : "operator");
        add_bytes(&line, name);
    } else {
        add(&line, "%s", line.chinese ? "店铺" : "the shop");
    }
    if (command->kind == ORDO_KIND_CREATE && command->create.buyer.size == ORDO_ID_SIZE) {
        char buyer[2 * ORDO_ID_SIZE + 1];
        ordo_online_hex(command->create.buyer.data, ORDO_ID_SIZE, buyer);
        add(&line, line.chinese ? ",买家 %s" : ", for buyer %s", buyer);
    }
    if (reason.size != 0) {
        add(&line, "%s", line.chinese ? ",原因:" : ", because: ");
        add_bytes(&line, reason);
    }
}
