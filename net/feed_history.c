#include "net/feed.h"

#include "net/desk.h"
#include "order/result.h"

#include <inttypes.h>

/* An order's life, backwards: every record names, for each order that it touched, the record that
 * touched it before. Each step reads from the nearest place known before that record.
 *
 * A page ends at its limit or when much was read for it, so that one old order does not keep
 * everybody waiting; `next` goes on there.
 */

/* What a record says of an order; NULL when it did not touch it. */
static const struct ordo_effect *
find_effect(const struct ordo_outcome *outcome, uint32_t shop, struct ordo_bytes order_id)
{
    for (uint32_t i = 0; i < outcome->effect_count; i++) {
        const struct ordo_effect *effect = &outcome->effects[i];
        if (effect->shop == shop && ordo_bytes_equal(effect->order_id, order_id)) {
            return effect;
        }
    }
    return NULL;
}

static void describe(
    const struct ordo_walk *walk,
    const struct ordo_record *record,
    const struct ordo_effect *effect,
    struct ordo_history_entry *entry)
{
    const struct ordo_outcome *outcome = &walk->outcome;
    *entry = (struct ordo_history_entry){
        .seq = record->seq,
        .time_us = record->time_us,
        .kind = walk->command.kind,
        .code = outcome->result.code,
        .disposition = outcome->result.disposition,
        .change_count = effect->transition_count,
    };
    for (uint32_t i = 0; i < effect->transition_count; i++) {
        const struct ordo_transition *t = &outcome->transitions[effect->transition_first + i];
        entry->changes[i].version = effect->version - effect->transition_count + 1 + i;
        entry->changes[i].from = t->from;
        entry->changes[i].to = t->to;
        entry->changes[i].flags = effect->flags;
    }
}

/* The record of a sequence, decoded. NOT_FOUND: it was trimmed. */
static enum ordo_err read_record(struct ordo_feed *feed, uint64_t seq, struct ordo_walker **walker)
{
    enum ordo_err err = ordo_walk_seek(&feed->walk, ORDO_BY_SEQ, seq, walker, &feed->fail);
    if (err != ORDO_OK) {
        return err;
    }
    if ((*walker)->record.seq != seq) {
        return ORDO_ERR_NOT_FOUND;
    }
    return ordo_walk_decode(&feed->walk, *walker, &feed->fail);
}

struct page {
    struct ordo_writer out; /* entries */
    uint64_t next;
    uint64_t limit;
    uint32_t count;
};

static enum ordo_err read_page(struct ordo_feed *feed, struct page *page)
{
    const struct ordo_history_request *request = &feed->service.history;
    uint64_t bytes = feed->walk.bytes;
    while (page->next != 0 && page->count < page->limit &&
           feed->walk.bytes - bytes <= ORDO_FEED_HISTORY_MAX) {
        struct ordo_walker *walker;
        struct ordo_history_entry entry;
        enum ordo_err err = read_record(feed, page->next, &walker);
        if (err != ORDO_OK) {
            return err;
        }
        const struct ordo_effect *effect =
            find_effect(&feed->walk.outcome, feed->service.shop, request->order_id);
        if (effect == NULL) {
            return ORDO_ERR_NOT_FOUND;
        }
        describe(&feed->walk, &walker->record, effect, &entry);
        ordo_history_entry(&page->out, &entry);
        page->count++;
        page->next = effect->prev_seq;
    }
    return ORDO_OK;
}

struct ordo_bytes ordo_feed_history(struct ordo_feed *feed, const struct ordo_feed_ask *ask)
{
    const struct ordo_history_request *request = &feed->service.history;
    uint8_t bytes[ORDO_FEED_HEAD_ROOM];
    struct ordo_writer head = ordo_writer_over(bytes, sizeof(bytes));
    struct page page = {
        .out = ordo_writer_over(
            feed->reply + ORDO_FEED_HEAD_ROOM, ORDO_HISTORY_LIMIT_MAX * ORDO_HISTORY_ENTRY_MAX),
        .next = request->seq,
        .limit = request->limit == 0 ? ORDO_HISTORY_LIMIT_MAX : request->limit,
    };
    if (request->seq == 0 || request->seq > ask->durable_seq || feed->dir == NULL) {
        return ordo_feed_refuse(
            feed, ask, ORDO_RESULT_HISTORY_UNKNOWN, "begin with the last_seq of the order");
    }
    enum ordo_err err = read_page(feed, &page);
    if (err == ORDO_ERR_NOT_FOUND && page.count == 0) {
        return ordo_feed_refuse(
            feed,
            ask,
            ORDO_RESULT_HISTORY_UNKNOWN,
            "this sequence did not name the order, or was trimmed");
    }
    if (err != ORDO_OK && err != ORDO_ERR_NOT_FOUND) {
        return ordo_feed_unreadable(feed, ask);
    }
    ordo_feed_begin(feed, ask, &head, ORDO_RESULT_OK);
    ordo_history_begin(&head, page.next, page.count);
    ORDO_ASSERT(!head.failed && !page.out.failed);
    size_t size = ordo_writer_size(&head);
    uint8_t *begin = page.out.begin - size;
    memcpy(begin, bytes, size);
    ordo_counter_add(&feed->histories, 1);
    return (struct ordo_bytes){begin, (uint32_t)(page.out.at - begin)};
}
