#include "base/canary.h"
#include "order/parts.h"
#include "order/query.h"

/* One command from bytes to outcome: decode, who asks (identity), decide, remember, number, write.
 *
 * What changes the state is exactly what is journaled: an exact resend, a query, something that is
 * no command, a missing id and BUSY leave every row as it was. So a replay of the journal, which
 * has none of them, comes to the same state. A decision is all or nothing: the decide functions
 * check before they change, and a refusal changes only the history of the order it names.
 */

/* tidy: allow function-size (one line a kind) */
static uint16_t decide(struct ordo_state *s)
{
    const struct ordo_command *command = &s->command;
    switch ((enum ordo_command_kind)command->kind) {
    case ORDO_KIND_SETTINGS:
        return ordo_decide_settings(s, &command->settings);
    case ORDO_KIND_PRODUCT_PUT:
        return ordo_decide_product_put(s, &command->product_put);
    case ORDO_KIND_CARD_IMPORT:
        return ordo_decide_card_import(s, &command->card_import);
    case ORDO_KIND_CREATE:
        return ordo_decide_create(s, &command->create);
    case ORDO_KIND_ATTEMPT:
        return ordo_decide_attempt(s, &command->attempt);
    case ORDO_KIND_FACT:
        return ordo_decide_fact(s, &command->fact);
    case ORDO_KIND_CANCEL:
        return ordo_decide_cancel(s, &command->cancel);
    case ORDO_KIND_DELIVERY_ACK:
        return ordo_decide_delivery_ack(s, &command->delivery_ack);
    case ORDO_KIND_TICK:
        return ordo_decide_tick(s, &command->tick);
    case ORDO_KIND_RESUME:
        return ordo_decide_resume(s, &command->resume);
    case ORDO_KIND_CONTINUE:
        return ordo_decide_continue(s);
    case ORDO_KIND_EXTEND:
        return ordo_decide_extend(s, &command->extend);
    case ORDO_KIND_RELEASE:
        return ordo_decide_release(s, &command->release);
    case ORDO_KIND_ISSUE:
        return ordo_decide_issue(s, &command->issue);
    case ORDO_KIND_MARK_PAID:
        return ordo_decide_mark_paid(s, &command->mark_paid);
    case ORDO_KIND_ACCEPT:
        return ordo_decide_accept(s, &command->accept);
    case ORDO_KIND_REFUND:
        return ordo_decide_refund(s, &command->refund);
    case ORDO_KIND_FREEZE:
        return ordo_decide_freeze(s, &command->freeze);
    case ORDO_KIND_UNFREEZE:
        return ordo_decide_unfreeze(s, &command->unfreeze);
    case ORDO_KIND_NOTE:
        return ordo_decide_note(s, &command->note);
    case ORDO_KIND_REPLACE:
        return ordo_decide_replace(s, &command->replace);
    case ORDO_KIND_RECALL:
        return ordo_decide_recall(s, &command->recall);
    case ORDO_KIND_CARD_VOID:
        return ordo_decide_card_void(s, &command->card_void);
    case ORDO_KIND_COUPON_PUT:
        return ordo_decide_coupon_put(s, &command->coupon_put);
    case ORDO_KIND_CHANNEL_PUT:
        return ordo_decide_channel_put(s, &command->channel_put);
    case ORDO_KIND_CHAIN:
        return ordo_decide_chain(s, &command->chain);
    case ORDO_KIND_SUBSCRIBER_PUT:
        return ordo_decide_subscriber_put(s, &command->subscriber_put);
    case ORDO_KIND_SUBSCRIBER_ACK:
        return ordo_decide_subscriber_ack(s, &command->subscriber_ack);
    case ORDO_KIND_PARK:
        return ordo_decide_park(s, &command->park);
    case ORDO_KIND_UNPARK:
        return ordo_decide_unpark(s, &command->unpark);
    case ORDO_KIND_SUBSCRIBER_DROP:
        return ordo_decide_subscriber_drop(s, &command->subscriber_drop);
    case ORDO_KIND_GET:
    case ORDO_KIND_CARDS:
    case ORDO_KIND_LIST:
    case ORDO_KIND_STOCK:
    case ORDO_KIND_HEAD:
    case ORDO_KIND_FIND:
    case ORDO_KIND_COUPON:
    case ORDO_KIND_SETTINGS_GET:
    case ORDO_KIND_SUBSCRIBER:
    case ORDO_KIND_SUBSCRIBERS:
    case ORDO_KIND_PARKS:
    case ORDO_KIND_WAIT:
    default:
        ORDO_ASSERT(command->kind == ORDO_KIND_TICK); /* queries are answered elsewhere */
        return ORDO_RESULT_MALFORMED;
    }
}

static void clear_outcome(struct ordo_outcome *outcome)
{
    outcome->result = (struct ordo_result){.seq = 0};
    outcome->effect_count = 0;
    outcome->transition_count = 0;
    outcome->card_count = 0;
    outcome->posting_count = 0;
}

/* Not journaled: only a result goes out. `seq` of the slot is the last one before it. */
static void
answer_undecided(struct ordo_state *s, struct ordo_writer *out, struct ordo_applied *applied)
{
    const struct ordo_head_row *head = ordo_head(s);
    struct ordo_result result = s->outcome.result;
    clear_outcome(&s->outcome); /* a decision that ended in BUSY has left nothing in it */
    s->outcome.result = result;
    ordo_outcome_encode(&s->outcome, head->seq, out);
    *applied = (struct ordo_applied){
        .seq = head->seq, .update_seq = head->update_seq, .code = result.code};
}

/* Journaled: numbers it, remembers it, writes it. */
static void conclude(
    struct ordo_state *s,
    const uint8_t *content,
    struct ordo_writer *out,
    struct ordo_applied *applied)
{
    struct ordo_outcome *outcome = &s->outcome;
    struct ordo_head_row *head = ordo_head_edit(s, ORDO_HEAD);
    outcome->result.seq = s->seq;
    ordo_outcome_put_updates(outcome, s->now_us, head->update_seq + 1, &s->hash_input);
    const uint8_t *begin = out->at;
    ordo_outcome_encode(outcome, s->seq, out);
    if (content != NULL) {
        ordo_id_add(s, content);
    }
    head->seq = s->seq;
    head->time_us = s->now_us;
    head->update_seq += outcome->transition_count;
    head->stream_hash = ordo_hash_updates(&s->hash_input, head->stream_hash);
    uint64_t outcome_hash = ordo_hash64(begin, (size_t)(out->at - begin), head->outcome_hash);
    head->outcome_hash = ORDO_CANARY(outcomes_not_in_digest) ? 0 : outcome_hash;
    *applied = (struct ordo_applied){
        .seq = s->seq,
        .update_seq = head->update_seq,
        .code = s->outcome.result.code,
        .update_count = (uint8_t)s->outcome.transition_count,
        .journaled = true,
    };
}

/* Who waits for units gets them now; but subscribers' commands change no order. */
static void serve(struct ordo_state *s)
{
    bool by_subscriber =
        s->command.kind >= ORDO_KIND_SUBSCRIBER_PUT && s->command.kind <= ORDO_KIND_SUBSCRIBER_DROP;
    if (!by_subscriber) {
        ordo_serve(s);
    }
}

/* Without an id: a command of the server's own, or an ack, which may be repeated always. */
static void
apply_unidentified(struct ordo_state *s, struct ordo_writer *out, struct ordo_applied *applied)
{
    (void)ordo_head_edit(s, ORDO_HEAD); /* once for all that the decision counts */
    s->outcome.result.code = decide(s);
    serve(s);
    conclude(s, NULL, out, applied);
}

static void apply_identified(
    struct ordo_state *s,
    struct ordo_bytes bytes,
    struct ordo_writer *out,
    struct ordo_applied *applied)
{
    struct ordo_result *result = &s->outcome.result;
    if ((ordo_get_le64(s->command.id) | ordo_get_le64(s->command.id + 8)) == 0) {
        result->code = ORDO_RESULT_ID_MISSING;
        answer_undecided(s, out, applied);
        return;
    }
    uint8_t content[ORDO_ID_SIZE];
    ordo_command_content_hash(bytes, s->command.content_size, content);
    s->id_hash = ordo_id_hash(s->command.id);
    uint32_t known = ordo_id_find(s, s->command.id, s->id_hash);
    if (known != 0) {
        ordo_id_answer(s, known, content, result);
        if (result->seq != 0) {
            answer_undecided(s, out, applied); /* an exact resend: the same result again */
        } else {
            conclude(s, NULL, out, applied); /* the id stays with its first command */
        }
        return;
    }
    if (!ordo_id_room(s, s->command.kind)) {
        result->code = ORDO_RESULT_BUSY;
        answer_undecided(s, out, applied);
        return;
    }
    (void)ordo_head_edit(s, ORDO_HEAD); /* once for all that the decision counts */
    result->code = decide(s);
    if (result->code == ORDO_RESULT_BUSY) {
        ORDO_ASSERT(s->outcome.effect_count == 0);
        answer_undecided(s, out, applied);
        return;
    }
    if (result->code == ORDO_RESULT_OK) {
        serve(s);
    }
    conclude(s, content, out, applied);
}

void ordo_apply(
    struct ordo_state *state,
    uint64_t time_us,
    struct ordo_bytes command,
    struct ordo_writer *outcome,
    struct ordo_applied *applied)
{
    const struct ordo_head_row *head = ordo_head(state);
    clear_outcome(&state->outcome);
    state->seq = head->seq + 1;
    state->now_us = time_us > head->time_us ? time_us : head->time_us;
    state->horizon_s = (uint64_t)head->settings.id_horizon_s;

    if (!ordo_command_decode(command, &state->command)) {
        state->outcome.result.code = ORDO_RESULT_MALFORMED;
        answer_undecided(state, outcome, applied);
    } else if (ordo_kind_is_query(state->command.kind)) {
        uint16_t code = ordo_answer_query(state, outcome);
        *applied =
            (struct ordo_applied){.seq = head->seq, .update_seq = head->update_seq, .code = code};
    } else if (
        ordo_kind_is_internal(state->command.kind) ||
        state->command.kind == ORDO_KIND_SUBSCRIBER_ACK) {
        apply_unidentified(state, outcome, applied);
    } else {
        apply_identified(state, command, outcome, applied);
    }
    ORDO_ASSERT(!outcome->failed); /* the caller gave the room that state.h asks for */
}
