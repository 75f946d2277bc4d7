/* The services against a model, on a real journal in small segments: whatever is asked for, no
 * update is missing, none comes twice, every range ends at a hash, nothing is shown that is not
 * durable, and what cannot be read is refused by name.
 */
#include "feed_rig.h"
#include "order/result.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>

#define RECORDS 9000

static struct feed_rig rig;
static struct feed_rig_answer answer;

/* A journal of several segments, and a memory that has only its end. */
static void make(uint32_t recent)
{
    feed_rig_open(&rig, recent);
    feed_rig_write(&rig, RECORDS, 40);
    cr_assert(rig.update_seq > RECORDS);
}

static uint64_t from_memory(void)
{
    return ordo_counter_get(&rig.feed->fetches_memory);
}

Test(feed, gives_every_update_once_whatever_the_limit)
{
    make(16);
    feed_rig_refill(&rig, 1, 0);
    feed_rig_refill(&rig, 1, 1);
    feed_rig_refill(&rig, 1, 1000);
    feed_rig_refill(&rig, 777, 65536);
    feed_rig_fetch(&rig, 1, 3, &answer);
    cr_assert_lt(answer.count, 3 + ORDO_TRANSITIONS_MAX);
    cr_assert_geq(answer.count, 3);
    feed_rig_close(&rig);
}

Test(feed, begins_at_any_update_in_any_order)
{
    make(16);
    for (uint64_t i = 1; i <= rig.update_seq; i += 7) {
        uint64_t from = i * 2654435761u % rig.update_seq + 1;
        feed_rig_fetch(&rig, from, 5, &answer);
        (void)feed_rig_expect_range(&rig, &answer, from);
    }
    feed_rig_close(&rig);
}

Test(feed, goes_on_where_a_fetch_ended_without_searching)
{
    make(16);
    feed_rig_refill(&rig, 1, 100);
    uint64_t searches = rig.feed->walk.searches;
    uint64_t bytes = rig.feed->walk.bytes;
    feed_rig_refill(&rig, 1, 100);
    cr_assert_leq(rig.feed->walk.searches, searches + 1);
    cr_assert_leq(rig.feed->walk.bytes - bytes, bytes + bytes / 10, "records were read twice");
    feed_rig_close(&rig);
}

Test(feed, answers_out_of_memory_what_is_there)
{
    make(1u << 15);
    cr_assert_lt(rig.update_seq, 1u << 15);
    feed_rig_refill(&rig, 1, 50);
    feed_rig_refill(&rig, rig.update_seq / 2, 0);
    cr_assert_eq(from_memory(), ordo_counter_get(&rig.feed->fetches));
    cr_assert_eq(rig.feed->walk.bytes, 0);
    feed_rig_close(&rig);
}

Test(feed, goes_from_the_files_into_memory)
{
    make(512);
    feed_rig_refill(&rig, 1, 100);
    cr_assert_gt(from_memory(), 0);
    cr_assert_lt(from_memory(), ordo_counter_get(&rig.feed->fetches));
    feed_rig_close(&rig);
}

Test(feed, says_when_there_is_nothing_yet)
{
    feed_rig_open(&rig, 16);
    feed_rig_fetch(&rig, 1, 0, &answer);
    cr_assert_eq(feed_rig_expect_range(&rig, &answer, 1), 0);
    feed_rig_write(&rig, 100, 10);
    feed_rig_fetch(&rig, rig.update_seq + 1, 0, &answer);
    cr_assert_eq(feed_rig_expect_range(&rig, &answer, rig.update_seq + 1), rig.update_seq);
    cr_assert_eq(answer.head.head, rig.update_seq);
    feed_rig_close(&rig);
}

Test(feed, refuses_what_no_stream_of_this_journal_has_said)
{
    feed_rig_open(&rig, 16);
    feed_rig_write(&rig, 100, 10);
    const uint64_t ahead[] = {rig.update_seq + 2, UINT64_MAX};
    for (size_t i = 0; i < 2; i++) {
        feed_rig_fetch(&rig, ahead[i], 0, &answer);
        cr_assert_eq(answer.item.form, ORDO_REPLY_REFUSED);
        cr_assert_eq(answer.item.result.code, ORDO_RESULT_UPDATES_AHEAD);
    }
    feed_rig_close(&rig);
}

/* In the file is not durable: only what the publish agent has seen may be told (I4). */
Test(feed, shows_nothing_that_is_not_durable)
{
    feed_rig_open(&rig, 16);
    feed_rig_write(&rig, 500, 10);
    uint64_t durable = rig.update_seq;
    for (int i = 0; i < 300; i++) {
        cr_assert(feed_rig_push(&rig));
    }
    feed_rig_drain(&rig); /* on the disk, but nobody has said that it is */
    cr_assert_gt(rig.update_seq, durable);
    feed_rig_refill(&rig, 1, 100);
    feed_rig_fetch(&rig, durable - 200, 0, &answer);
    cr_assert_eq(feed_rig_expect_range(&rig, &answer, durable - 200), durable);
    cr_assert_eq(answer.head.head, durable);
    feed_rig_publish(&rig);
    feed_rig_refill(&rig, 1, 100);
    feed_rig_refill(&rig, durable - 200, 0);
    feed_rig_close(&rig);
}

/* ---- filters ---- */

static bool wanted(const struct ordo_service *service, const struct feed_rig_update *u)
{
    bool order = service->fetch.orders.count == 0 || u->order == 3 || u->order == 6;
    bool any = service->fetch.by_shop == 0 && service->fetch.orders.count == 0;
    return any || (feed_rig_shop(u->order) == service->shop && order);
}

static void expect_filtered(const struct ordo_service *asked)
{
    struct ordo_service service = *asked;
    uint64_t next = 1;
    uint64_t seen = 0;
    while (next <= rig.update_seq) {
        service.fetch.from = next;
        feed_rig_ask(&rig, &service, &answer);
        cr_assert_eq(answer.head.first, next);
        cr_assert_geq(answer.head.last, next);
        for (uint64_t n = next; n <= answer.head.last; n++) {
            if (wanted(&service, &rig.updates[n])) {
                feed_rig_expect(&rig, &answer, n);
                answer.count--;
                seen++;
            }
        }
        cr_assert_eq(answer.count, 0);
        cr_assert_eq(
            memcmp(answer.head.hash, rig.updates[answer.head.last].hash, 16), 0, "another hash");
        next = answer.head.last + 1;
    }
    cr_assert_gt(seen, 0);
}

Test(feed, filters_by_shop_and_order_and_names_what_it_looked_through)
{
    uint8_t bytes[64];
    struct ordo_writer orders = ordo_writer_over(bytes, sizeof(bytes));
    struct ordo_service service = {.kind = ORDO_SERVICE_FETCH, .shop = 1};
    make(512);
    service.fetch.by_shop = 1;
    service.fetch.limit = 50;
    expect_filtered(&service);
    ordo_write_bytes(&orders, (struct ordo_bytes){(const uint8_t *)"order-3", 7});
    ordo_write_bytes(&orders, (struct ordo_bytes){(const uint8_t *)"order-6", 7});
    service.shop = 0;
    service.fetch.by_shop = 0;
    service.fetch.orders.raw = (struct ordo_bytes){bytes, (uint32_t)ordo_writer_size(&orders)};
    service.fetch.orders.count = 2;
    expect_filtered(&service);

    service.shop = 1; /* these orders are of another shop: nothing, and that is proven */
    service.fetch.from = 1;
    service.fetch.limit = 0;
    feed_rig_ask(&rig, &service, &answer);
    cr_assert_eq(answer.count, 0);
    cr_assert_eq(answer.head.last, rig.update_seq);
    feed_rig_close(&rig);
}

/* ---- archive, trim ---- */

static void archive(uint64_t upto_seq)
{
    struct ordo_archived done;
    enum ordo_err err = ordo_journal_archive(rig.dir, upto_seq, 0, &done, &rig.fail);
    cr_assert_eq(err, ORDO_OK, "%s", rig.fail.text);
    cr_assert_gt(done.segments, 2);
}

Test(feed, reads_through_the_archive)
{
    make(16);
    feed_rig_fetch(&rig, 1, 10, &answer); /* a reader stands in a segment that moves */
    archive(RECORDS * 3 / 4);
    feed_rig_refill(&rig, answer.head.last + 1, 100);
    feed_rig_refill(&rig, 1, 1000);
    feed_rig_close(&rig);
}

Test(feed, begins_with_the_oldest_update_when_older_ones_were_trimmed)
{
    struct ordo_trim_report report;
    make(16);
    feed_rig_refill(&rig, 1, 500); /* places are known that will be gone */
    archive(RECORDS * 3 / 4);
    struct ordo_trim trim = {
        .dir = rig.dir,
        .upto_seq = RECORDS / 2,
        .older_us = UINT64_MAX,
        .needed_seq = RECORDS / 2,
        .apply = true,
    };
    cr_assert_eq(ordo_journal_trim(&trim, &report, &rig.fail), ORDO_OK, "%s", rig.fail.text);
    cr_assert_gt(report.segments, 0);
    for (uint64_t from = 1; from <= report.note.last_update_seq; from += 400) {
        feed_rig_fetch(&rig, from, 10, &answer);
        cr_assert_eq(answer.head.first, report.note.last_update_seq + 1, "from %lu", from);
        (void)feed_rig_expect_range(&rig, &answer, answer.head.first);
    }
    feed_rig_refill(&rig, report.note.last_update_seq + 1, 100);
    feed_rig_close(&rig);
}

/* ---- damage ---- */

static void flip(uint64_t segment, uint64_t offset)
{
    char path[128];
    char name[ORDO_SEGMENT_NAME_MAX];
    uint8_t byte;
    ordo_segment_name(segment, name);
    snprintf(path, sizeof(path), "%s/%s", rig.dir, name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(pread(fd, &byte, 1, (off_t)offset), 1);
    byte ^= 4;
    cr_assert_eq(pwrite(fd, &byte, 1, (off_t)offset), 1);
    cr_assert_eq(close(fd), 0);
}

static void expect_unreadable(const char *name)
{
    char text[ORDO_WIRE_TEXT_MAX + 1] = {0};
    cr_assert_eq(answer.item.form, ORDO_REPLY_REFUSED);
    cr_assert_eq(answer.item.result.code, ORDO_RESULT_JOURNAL_UNREADABLE);
    memcpy(text, answer.item.text.data, answer.item.text.size);
    cr_assert(strstr(text, name) != NULL, "%s", text);
    cr_assert(strstr(text, rig.dir) == NULL, "the folder is nobody's business: %s", text);
}

Test(feed, refuses_damage_by_name_and_lives)
{
    struct ordo_journal_reader *reader;
    struct ordo_journal_place place;
    struct ordo_fail fail;
    make(16);
    cr_assert_eq(
        ordo_journal_reader_seek(rig.dir, ORDO_BY_SEQ, RECORDS / 2, &reader, &fail), ORDO_OK);
    ordo_journal_reader_place(reader, &place);
    ordo_journal_reader_close(reader);
    cr_assert_gt(place.segment, 1);
    flip(place.segment, place.offset + 600);
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(place.segment, name);
    uint64_t next = 1;
    do {
        feed_rig_fetch(&rig, next, 100, &answer);
        if (answer.item.form == ORDO_REPLY_REFUSED) {
            break;
        }
        next = feed_rig_expect_range(&rig, &answer, next) + 1;
    } while (next < rig.update_seq);
    cr_assert_geq(next, place.update_seq + 1 - 200, "what lies before the damage is given");
    cr_assert_leq(next, place.update_seq + 1, "nothing behind it is");
    expect_unreadable(name);
    feed_rig_fetch(&rig, 1, 100, &answer); /* the rest is served as before */
    (void)feed_rig_expect_range(&rig, &answer, 1);
    feed_rig_fetch(&rig, rig.update_seq - 10, 100, &answer);
    (void)feed_rig_expect_range(&rig, &answer, rig.update_seq - 10);
    flip(place.segment, place.offset + 600); /* restored from a backup */
    feed_rig_refill(&rig, 1, 100);
    feed_rig_close(&rig);
}

Test(feed, refuses_a_segment_that_is_gone)
{
    char path[128];
    make(16);
    snprintf(path, sizeof(path), "%s/journal-00000002.ordo", rig.dir);
    cr_assert_eq(unlink(path), 0);
    uint64_t next = 1;
    for (int i = 0; i < 10000 && answer.item.form != ORDO_REPLY_REFUSED; i++) {
        feed_rig_fetch(&rig, next, 10, &answer);
        if (answer.item.form != ORDO_REPLY_REFUSED) {
            next = feed_rig_expect_range(&rig, &answer, next) + 1;
        }
    }
    expect_unreadable("journal-0000000");
    cr_assert_gt(next, 1);
    cr_assert_lt(next, rig.update_seq / 4);
    feed_rig_fetch(&rig, rig.update_seq - 100, 0, &answer);
    (void)feed_rig_expect_range(&rig, &answer, rig.update_seq - 100);
    feed_rig_close(&rig);
}

Test(feed, says_so_when_there_is_no_journal)
{
    make(16);
    rig.feed->dir = NULL;
    feed_rig_fetch(&rig, 1, 100, &answer);
    expect_unreadable("no journal");
    feed_rig_close(&rig);
}

/* ---- history ---- */

static void ask_history(uint64_t seq, uint32_t order, uint64_t limit)
{
    char text[ORDO_ORDER_ID_MAX + 1];
    struct ordo_service service = {.kind = ORDO_SERVICE_HISTORY, .shop = feed_rig_shop(order)};
    service.history.seq = seq;
    service.history.order_id = feed_rig_id(order, text);
    service.history.limit = limit;
    feed_rig_ask(&rig, &service, &answer);
}

/* One page against the model; the sequence at which the next begins. */
static uint64_t expect_page(uint64_t seq, uint32_t order, uint64_t limit)
{
    struct ordo_history_entry entry;
    ask_history(seq, order, limit);
    cr_assert_eq(answer.item.form, ORDO_REPLY_QUERY);
    cr_assert_gt(answer.count, 0);
    for (uint32_t i = 0; i < answer.count; i++) {
        ordo_body_history_entry(&answer.item.body, &entry);
        cr_assert_null(answer.item.body.error);
        cr_assert_eq(entry.seq, seq);
        cr_assert_eq(entry.time_us, feed_rig_time(seq));
        cr_assert_eq(entry.kind, ORDO_KIND_CANCEL);
        cr_assert_eq(entry.change_count, feed_rig_moves(seq));
        for (uint32_t k = 0; k < entry.change_count; k++) {
            cr_assert_eq(entry.changes[k].from, (seq + k) % 12);
            cr_assert_eq(entry.changes[k].flags, seq % 8);
        }
        seq = rig.before[seq];
    }
    cr_assert_eq(answer.next, seq);
    return seq;
}

Test(feed, tells_an_orders_life_backwards_to_its_first_command)
{
    make(16);
    archive(RECORDS / 2);
    for (uint32_t order = 0; order < FEED_RIG_ORDERS; order += 5) {
        uint64_t seq = rig.last_seq[order];
        for (int pages = 0; seq != 0; pages++) {
            cr_assert_lt(pages, 100);
            seq = expect_page(seq, order, 64);
        }
    }
    cr_assert_neq(expect_page(rig.last_seq[7], 7, 0), 0);
    feed_rig_close(&rig);
}

Test(feed, knows_which_sequence_is_not_the_orders)
{
    make(16);
    const uint64_t seqs[] = {0, rig.last_seq[4], RECORDS + 1, UINT64_MAX};
    for (size_t i = 0; i < 4; i++) {
        ask_history(seqs[i], 7, 0);
        cr_assert_eq(answer.item.form, ORDO_REPLY_REFUSED);
        cr_assert_eq(answer.item.result.code, ORDO_RESULT_HISTORY_UNKNOWN);
    }
    feed_rig_close(&rig);
}

/* ---- the index ---- */

Test(feed, keeps_its_index_bounded)
{
    feed_rig_open(&rig, 16);
    rig.feed->walk.grain = 1;
    feed_rig_write(&rig, 9000, 2);
    feed_rig_refill(&rig, 1, 1000);
    cr_assert_leq(rig.feed->walk.place_count, ORDO_PLACES_MAX);
    cr_assert_gt(rig.feed->walk.place_count, ORDO_PLACES_MAX / 4);
    cr_assert_gt(rig.feed->walk.grain, 1);
    for (uint64_t i = 1; i <= rig.update_seq; i += 331) {
        uint64_t from = i * 2654435761u % rig.update_seq + 1;
        feed_rig_fetch(&rig, from, 5, &answer);
        (void)feed_rig_expect_range(&rig, &answer, from);
    }
    feed_rig_close(&rig);
}

/* ---- how many may wait ---- */

Test(feed, takes_no_more_requests_than_may_wait)
{
    static struct ordo_request requests[ORDO_FEED_WAITING_MAX + 1];
    feed_rig_open(&rig, 16);
    for (uint32_t i = 0; i < ORDO_FEED_WAITING_MAX; i++) {
        cr_assert(ordo_feed_deliver(rig.feed, &requests[i]));
    }
    cr_assert_not(ordo_feed_deliver(rig.feed, &requests[ORDO_FEED_WAITING_MAX]));
    cr_assert_eq(ordo_counter_get(&rig.feed->busy), 1);
    ordo_sequence_set(&rig.feed->answered, 1);
    cr_assert(ordo_feed_deliver(rig.feed, &requests[ORDO_FEED_WAITING_MAX]));
    feed_rig_close(&rig);
}
