#include "net/feed.h"

#include "base/canary.h"
#include "net/desk.h"
#include "order/result.h"

#include <inttypes.h>
#include <stdio.h>

/* A range of updates, out of memory when all of it is there, else out of the journal's files.
 *
 * Both ends of a range are ends of commands, because only there is a stream hash; so a range goes
 * on until the command that crosses its bounds is through. Updates are written into the reply as
 * they come, behind a room for everything that is known only at the end: count, last, hash.
 *
 * A filter changes what is written, never what is looked through. A range that was looked through
 * and gave nothing still ends at a hash, and proves that nothing for the asker was in it.
 */

struct range {
    struct ordo_feed *feed;
    const struct ordo_fetch_request *ask;
    uint32_t shop;
    uint64_t first;
    uint64_t last; /* the end of the last whole command */
    uint64_t head;
    uint64_t limit;
    uint32_t count;
    uint8_t hash[16];       /* after last */
    struct ordo_writer out; /* over the reply, behind the room for its head */
};

static bool is_asked_for(const struct range *range, const struct ordo_update *update)
{
    const struct ordo_elements *orders = &range->ask->orders;
    if (range->ask->by_shop == 0 && orders->count == 0) {
        return true;
    }
    if (update->shop != range->shop) {
        return false;
    }
    struct ordo_reader in = ordo_reader_over(orders->raw.data, orders->raw.size);
    bool found = orders->count == 0;
    for (uint32_t i = 0; i < orders->count && !found; i++) {
        found = ordo_bytes_equal(ordo_read_bytes(&in, ORDO_ORDER_ID_MAX), update->order_id);
    }
    return found;
}

static void visit(void *context, const struct ordo_update *update)
{
    struct range *range = context;
    if (update->update_seq >= range->first && is_asked_for(range, update)) {
        ordo_fetch_update(&range->out, update);
        range->count++;
    }
}

/* At the end of a command: would another one be too much? */
static bool is_full(const struct range *range)
{
    size_t room = (size_t)(range->out.end - range->out.at);
    return range->count >= range->limit || room < ORDO_TRANSITIONS_MAX * ORDO_FETCH_UPDATE_MAX;
}

/* Everything but the updates, put right before them. */
static struct ordo_bytes finish(struct range *range, const struct ordo_feed_ask *ask)
{
    struct ordo_feed *feed = range->feed;
    uint8_t bytes[ORDO_FEED_HEAD_ROOM];
    struct ordo_writer head = ordo_writer_over(bytes, sizeof(bytes));
    struct ordo_fetch_head body = {.first = range->first, .last = range->last, .head = range->head};
    memcpy(body.hash, range->hash, sizeof(body.hash));
    ordo_feed_begin(feed, ask, &head, ORDO_RESULT_OK);
    ordo_fetch_begin(&head, &body, range->count);
    ORDO_ASSERT(!head.failed && !range->out.failed);
    size_t size = ordo_writer_size(&head);
    uint8_t *begin = range->out.begin - size;
    ORDO_ASSERT(begin >= feed->reply);
    memcpy(begin, bytes, size);
    ordo_counter_add(&feed->fetches, 1);
    ordo_counter_add(&feed->updates, range->count);
    return (struct ordo_bytes){begin, (uint32_t)(range->out.at - begin)};
}

/* ---- out of memory ---- */

/* False: not all of the first command is there any more, nothing was written. */
static bool read_recent(struct range *range)
{
    const struct ordo_recent *recent = &range->feed->server->recent;
    struct ordo_recent_update cell;
    uint8_t *end = range->out.at;
    uint32_t count = 0;
    if (range->first > range->head) {
        return ordo_recent_hash(recent, range->head, range->hash);
    }
    for (uint64_t n = range->first; n <= range->head; n++) {
        if (!ordo_recent_get(recent, n, &cell)) {
            break;
        }
        visit(range, &cell.update);
        if (!cell.last) {
            continue;
        }
        memcpy(range->hash, cell.hash, sizeof(range->hash));
        range->last = n;
        end = range->out.at;
        count = range->count;
        if (is_full(range)) {
            break;
        }
    }
    range->out.at = end; /* without a command that was half overwritten */
    range->count = count;
    return range->last >= range->first;
}

/* ---- out of the files ---- */

static enum ordo_err end_too_early(struct range *range)
{
    return ordo_fail_set(
        &range->feed->fail,
        ORDO_ERR_NOT_FOUND,
        "the journal ends before update %" PRIu64 ", which was durable: is this its folder, and is "
        "its durability not \"none\"?",
        range->first);
}

static enum ordo_err read_records(struct range *range, struct ordo_walker *walker)
{
    struct ordo_walk *walk = &range->feed->walk;
    uint64_t bytes = walk->bytes;
    uint64_t first = walker->record.update_seq - walker->record.update_count + 1;
    range->first = first > range->first ? first : range->first; /* what was before was trimmed */
    range->last = range->first - 1;
    while (walker->update_seq < range->head) {
        enum ordo_err err = ordo_walk_peek(walk, walker, &range->feed->fail);
        if (err == ORDO_OK && walker->record.update_seq > range->head) {
            break; /* not durable yet */
        }
        if (err == ORDO_OK) {
            err = ordo_walk_decode(walk, walker, &range->feed->fail);
        }
        if (err != ORDO_OK) {
            return err == ORDO_ERR_EMPTY ? end_too_early(range) : err;
        }
        ordo_outcome_updates(
            &walk->outcome, walker->record.time_us, walker->update_seq + 1, visit, range);
        ordo_walk_take(walk, walker);
        if (walker->record.update_count == 0) {
            continue;
        }
        range->last = walker->update_seq;
        if (is_full(range) || walk->bytes - bytes > ORDO_FEED_SCAN_MAX) {
            break;
        }
    }
    ORDO_ASSERT(walker->followed);
    ordo_put_le64(range->hash, walker->hash.low);
    ordo_put_le64(range->hash + 8, walker->hash.high);
    return ORDO_OK;
}

static enum ordo_err read_journal(struct range *range)
{
    struct ordo_feed *feed = range->feed;
    struct ordo_walker *walker;
    if (feed->dir == NULL) {
        return ordo_fail_set(
            &feed->fail, ORDO_ERR_NOT_FOUND, "this node has no journal to read older updates from");
    }
    enum ordo_err err =
        ordo_walk_seek(&feed->walk, ORDO_BY_UPDATE, range->first, &walker, &feed->fail);
    if (err != ORDO_OK) {
        return err == ORDO_ERR_EMPTY ? end_too_early(range) : err;
    }
    return read_records(range, walker);
}

struct ordo_bytes ordo_feed_fetch(struct ordo_feed *feed, const struct ordo_feed_ask *ask)
{
    const struct ordo_fetch_request *request = &feed->service.fetch;
    uint8_t *updates = feed->reply + ORDO_FEED_HEAD_ROOM;
    struct range range = {
        .feed = feed,
        .ask = request,
        .shop = feed->service.shop,
        .first = request->from == 0 ? 1 : request->from,
        .head = ORDO_CANARY(feed_shows_what_is_not_durable)
                    ? UINT64_MAX
                    : ordo_recent_head(&feed->server->recent),
        .limit = request->limit == 0 ? ORDO_FETCH_LIMIT_MAX : request->limit,
        .out = ordo_writer_over(updates, ORDO_WIRE_REPLY_MAX - ORDO_FEED_HEAD_ROOM),
    };
    range.last = range.first - 1;
    if (range.first - 1 > range.head) {
        char text[ORDO_WIRE_TEXT_MAX + 1];
        (void)snprintf(
            text, sizeof(text), "the newest update is %" PRIu64 ": another stream?", range.head);
        return ordo_feed_refuse(feed, ask, ORDO_RESULT_UPDATES_AHEAD, text);
    }
    if (read_recent(&range)) {
        ordo_counter_add(&feed->fetches_memory, 1);
        return finish(&range, ask);
    }
    return read_journal(&range) == ORDO_OK ? finish(&range, ask) : ordo_feed_unreadable(feed, ask);
}
