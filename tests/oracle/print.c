/* Commands and answers in words, for a person who looks for a mismatch. */
#include "compare.h"

#include <inttypes.h>
#include <stdio.h>

static void print_bytes(const uint8_t *bytes, uint32_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (uint32_t i = 0; i < size && i < 24; i++) {
        (void)putchar(digits[bytes[i] >> 4]);
        (void)putchar(digits[bytes[i] & 15]);
    }
    (void)fputs(size > 24 ? "..." : "", stdout);
}

static uint64_t value_of(const struct ordo_command *c, const struct ordo_field *field)
{
    uint64_t value;
    memcpy(&value, (const uint8_t *)&c->settings + field->offset, sizeof(value));
    return value;
}

static void print_field(const struct ordo_command *c, const struct ordo_field *field)
{
    struct ordo_bytes bytes;
    const uint8_t *at = (const uint8_t *)&c->settings + field->offset;
    (void)printf(" %s=", field->name);
    switch (field->type) {
    case ORDO_FIELD_U:
        (void)printf("%" PRIu64, value_of(c, field));
        break;
    case ORDO_FIELD_N:
        (void)printf("%" PRId64, (int64_t)value_of(c, field));
        break;
    case ORDO_FIELD_T:
        memcpy(&bytes, at, sizeof(bytes));
        (void)printf("%.*s", (int)bytes.size, bytes.size == 0 ? "" : (const char *)bytes.data);
        break;
    case ORDO_FIELD_B:
    case ORDO_FIELD_K:
    case ORDO_FIELD_L:
    case ORDO_FIELD_P:
        memcpy(&bytes, at, sizeof(bytes)); /* the raw bytes of a list come first */
        print_bytes(bytes.data, bytes.size);
        break;
    }
}

void pair_print_command(uint64_t time_us, struct ordo_bytes bytes)
{
    struct ordo_command c;
    if (!ordo_command_decode(bytes, &c)) {
        (void)printf("bytes that are no command\n");
        return;
    }
    const struct ordo_command_schema *schema = ordo_schema_of(c.kind);
    (void)printf("at %" PRIu64 ".%06u ", time_us / 1000000, (unsigned)(time_us % 1000000));
    (void)printf("%s id=", schema->name);
    print_bytes(c.id, 8);
    (void)printf(" shop=%u", c.shop);
    for (uint32_t i = 0; i < schema->content_field_count; i++) {
        print_field(&c, &schema->fields[i]);
    }
    (void)putchar('\n');
}

static void print_result(const char *who, const struct ordo_result *result, bool journaled)
{
    (void)printf(
        "  %s: %s, %s, version %u, %s, seq %" PRIu64 "%s\n",
        who,
        ordo_result_name(result->code),
        ordo_state_name(result->state),
        result->version,
        ordo_disposition_name(result->disposition),
        result->seq,
        journaled ? "" : ", not journaled");
}

static void print_postings(const struct ordo_posting *postings, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        (void)printf(
            "      %s %+" PRId64 " (channel %u, currency %u)\n",
            ordo_account_name(postings[i].account),
            postings[i].amount,
            postings[i].channel,
            postings[i].currency);
    }
}

static void print_moves(const struct ordo_transition *moves, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *from = ordo_state_name(moves[i].from);
        (void)printf(" %s>%s", from, ordo_state_name(moves[i].to));
    }
}

static void print_cards(const uint64_t *cards, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        (void)printf(" #%" PRIu64, cards[i]);
    }
    (void)putchar('\n');
}

void pair_print_answers(const struct pair *pair)
{
    const struct ordo_outcome *out = &pair->outcome;
    const struct oracle_answer *answer = &pair->answer;
    print_result("engine", &out->result, pair->applied.journaled);
    for (uint32_t i = 0; i < out->effect_count; i++) {
        const struct ordo_effect *e = &out->effects[i];
        const char *id = (const char *)e->order_id.data;
        (void)printf("      %.*s: version %u,", (int)e->order_id.size, id, e->version);
        (void)printf(" flags %u, before %" PRIu64, e->flags, e->prev_seq);
        print_moves(out->transitions + e->transition_first, e->transition_count);
        print_cards(out->cards + e->card_first, e->card_count);
    }
    print_postings(out->postings, out->posting_count);
    print_result("oracle", &answer->result, answer->journaled);
    for (uint32_t i = 0; i < answer->effect_count; i++) {
        const struct oracle_effect *e = &answer->effects[i];
        (void)printf("      %s: version %u,", e->order_id, e->version);
        (void)printf(" flags %u, before %" PRIu64, e->flags, e->prev_seq);
        print_moves(e->transitions, e->transition_count);
        print_cards(e->cards, e->card_count);
    }
    print_postings(answer->postings, answer->posting_count);
}
