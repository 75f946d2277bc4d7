#include "net/waits.h"

#include "base/hash.h"

/* Orders hang twice: in the chain of their bucket, where a decision finds everybody who waits for
 * them, and in the chain of their wait. Whether it is so is kept a bit an order and a count a wait,
 * so that a decision costs its own orders and never the other thousand of a wait.
 *
 * A wait that may be answered is put aside (ready) and looked at when the decision has been taken
 * whole: a command may touch several orders of it, one of them away from what is waited for.
 *
 * Times and sequences are two heaps of the same form: the first of each is all that a cycle looks
 * at.
 */

struct ordo_waited {
    uint64_t seq;
    uint32_t version;
    uint32_t shop;
    uint32_t request;
    uint32_t next_of_wait; /* in the order of the request; of the rows given back */
    uint32_t next;         /* in the bucket */
    uint32_t prev;
    uint8_t state;
    uint8_t size;
    bool holds;
    uint8_t order_id[ORDO_ORDER_ID_MAX];
};

static uint32_t *
bucket_of(const struct ordo_waits *waits, uint32_t shop, struct ordo_bytes order_id)
{
    uint64_t hash = ordo_hash64(order_id.data, order_id.size, shop);
    return &waits->buckets[hash & waits->bucket_mask];
}

enum ordo_err ordo_waits_init(
    struct ordo_waits *waits, struct ordo_arena *arena, uint32_t requests_max, uint32_t waited_max)
{
    ORDO_ASSERT(requests_max != 0 && requests_max < UINT32_MAX);
    ORDO_ASSERT(waited_max != 0 && waited_max < 1u << 31);
    uint32_t buckets = 64;
    while (buckets < waited_max) { /* ends: it is below 2^31 */
        buckets *= 2;
    }
    *waits = (struct ordo_waits){
        .bucket_mask = buckets - 1, .requests_max = requests_max, .waited_max = waited_max};
    void *p[5] = {NULL};
    enum ordo_err err =
        ordo_arena_alloc(arena, "waits", requests_max, sizeof(struct ordo_waiting), &p[0]);
    if (err == ORDO_OK) {
        err = ordo_arena_alloc(
            arena, "orders waited for", (size_t)waited_max + 1, sizeof(struct ordo_waited), &p[1]);
    }
    if (err == ORDO_OK) {
        err = ordo_arena_alloc(arena, "buckets of waits", buckets, sizeof(uint32_t), &p[2]);
    }
    for (uint32_t i = 0; i < ORDO_WAIT_HEAPS && err == ORDO_OK; i++) {
        err = ordo_arena_alloc(
            arena, "heap of waits", (size_t)requests_max + 1, sizeof(uint32_t), &p[3 + i]);
    }
    waits->waiting = p[0];
    waits->waited = p[1];
    waits->buckets = p[2];
    waits->heaps[ORDO_WAIT_BY_TIME] = p[3];
    waits->heaps[ORDO_WAIT_BY_SEQ] = p[4];
    return err;
}

/* ---- heaps ---- */

static uint64_t key_at(const struct ordo_waits *waits, enum ordo_wait_heap heap, uint32_t place)
{
    return waits->waiting[waits->heaps[heap][place]].keys[heap];
}

static void
set_place(struct ordo_waits *waits, enum ordo_wait_heap heap, uint32_t place, uint32_t request)
{
    waits->heaps[heap][place] = request;
    waits->waiting[request].places[heap] = place;
}

/* Puts the request in at the place, or where its key belongs above or below it. */
static void
sift(struct ordo_waits *waits, enum ordo_wait_heap heap, uint32_t place, uint32_t request)
{
    uint64_t key = waits->waiting[request].keys[heap];
    uint32_t count = waits->heap_counts[heap];
    for (; place > 1 && key_at(waits, heap, place / 2) > key; place /= 2) {
        set_place(waits, heap, place, waits->heaps[heap][place / 2]);
    }
    for (uint32_t child = 2 * place; child <= count; child = 2 * place) {
        if (child < count && key_at(waits, heap, child + 1) < key_at(waits, heap, child)) {
            child++;
        }
        if (key_at(waits, heap, child) >= key) {
            break;
        }
        set_place(waits, heap, place, waits->heaps[heap][child]);
        place = child;
    }
    set_place(waits, heap, place, request);
}

static void heap_add(struct ordo_waits *waits, enum ordo_wait_heap heap, uint32_t request)
{
    ORDO_ASSERT(waits->heap_counts[heap] < waits->requests_max);
    uint32_t place = ++waits->heap_counts[heap];
    waits->heaps[heap][place] = request;
    sift(waits, heap, place, request);
}

static void heap_remove(struct ordo_waits *waits, enum ordo_wait_heap heap, uint32_t request)
{
    uint32_t place = waits->waiting[request].places[heap];
    if (place == 0) {
        return;
    }
    uint32_t last = waits->heaps[heap][waits->heap_counts[heap]--];
    waits->waiting[request].places[heap] = 0;
    if (last != request) {
        sift(waits, heap, place, last);
    }
}

/* ---- orders ---- */

static struct ordo_bytes number_of(const struct ordo_waited *at)
{
    return (struct ordo_bytes){at->order_id, at->size};
}

static bool is_so(const struct ordo_waiting *w, const struct ordo_waited *at)
{
    bool state = w->states == 0 || (w->states >> at->state & 1) != 0;
    return state && (w->since == 0 || at->seq > w->since);
}

static bool is_done(const struct ordo_waiting *w)
{
    return w->count != 0 && w->holding >= (w->all ? w->count : 1);
}

static void make_ready(struct ordo_waits *waits, uint32_t request)
{
    struct ordo_waiting *w = &waits->waiting[request];
    if (!w->ready && is_done(w)) {
        w->ready = true;
        w->next_ready = waits->ready;
        waits->ready = request + 1;
    }
}

static uint32_t take_row(struct ordo_waits *waits)
{
    ORDO_ASSERT(waits->waited_count < waits->waited_max);
    uint32_t row = waits->free;
    waits->waited_count++;
    if (row != 0) {
        waits->free = waits->waited[row].next_of_wait;
        return row;
    }
    return ++waits->waited_used;
}

static uint32_t add_order(
    struct ordo_waits *waits, uint32_t request, uint32_t shop, const struct ordo_waited_view *view)
{
    struct ordo_waiting *w = &waits->waiting[request];
    uint32_t row = take_row(waits);
    uint32_t *bucket = bucket_of(waits, shop, view->order_id);
    struct ordo_waited *at = &waits->waited[row];
    *at = (struct ordo_waited){
        .seq = view->seq,
        .version = view->version,
        .shop = shop,
        .request = request,
        .next = *bucket,
        .state = view->state,
        .size = (uint8_t)view->order_id.size,
    };
    ORDO_ASSERT(view->order_id.size <= ORDO_ORDER_ID_MAX);
    memcpy(at->order_id, view->order_id.data, view->order_id.size);
    if (*bucket != 0) {
        waits->waited[*bucket].prev = row;
    }
    *bucket = row;
    at->holds = is_so(w, at);
    w->holding += at->holds ? 1 : 0;
    return row;
}

static void drop_order(struct ordo_waits *waits, uint32_t row)
{
    struct ordo_waited *at = &waits->waited[row];
    if (at->prev != 0) {
        waits->waited[at->prev].next = at->next;
    } else {
        uint32_t *bucket = bucket_of(waits, at->shop, number_of(at));
        ORDO_ASSERT(*bucket == row);
        *bucket = at->next;
    }
    if (at->next != 0) {
        waits->waited[at->next].prev = at->prev;
    }
    at->next_of_wait = waits->free;
    waits->free = row;
    ORDO_ASSERT(waits->waited_count != 0);
    waits->waited_count--;
}

/* ---- a wait ---- */

bool ordo_waits_add(
    struct ordo_waits *waits,
    uint32_t request,
    uint64_t request_id,
    const struct ordo_command *command,
    struct ordo_reader *body,
    uint64_t now_ns)
{
    ORDO_ASSERT(request < waits->requests_max && !waits->waiting[request].active);
    ORDO_ASSERT(command->kind == ORDO_KIND_WAIT);
    uint64_t count = ordo_read_varint(body);
    ORDO_ASSERT(count == command->wait.orders.count);
    if (count > waits->waited_max - waits->waited_count) {
        return false;
    }
    struct ordo_waiting *w = &waits->waiting[request];
    *w = (struct ordo_waiting){
        .keys = {now_ns + command->wait.timeout_ms * ORDO_NS_PER_MS, command->wait.until_seq},
        .request_id = request_id,
        .since = command->wait.since,
        .states = (uint16_t)command->wait.states,
        .count = (uint32_t)count,
        .all = command->wait.all != 0,
        .active = true,
    };
    uint32_t *link = &w->first;
    for (uint64_t i = 0; i < count; i++) {
        struct ordo_waited_view view;
        ordo_waited_view_decode(body, &view);
        ORDO_ASSERT(!body->failed); /* apply wrote it */
        *link = add_order(waits, request, command->shop, &view);
        link = &waits->waited[*link].next_of_wait;
    }
    *link = 0;
    waits->count++;
    heap_add(waits, ORDO_WAIT_BY_TIME, request);
    if (w->keys[ORDO_WAIT_BY_SEQ] != 0) {
        heap_add(waits, ORDO_WAIT_BY_SEQ, request);
    }
    make_ready(waits, request);
    return true;
}

/* Everybody who waits for the order learns how it stands; `state` is UINT8_MAX when it stayed. */
static void
take_order(struct ordo_waits *waits, const struct ordo_effect *effect, uint8_t state, uint64_t seq)
{
    uint32_t row = *bucket_of(waits, effect->shop, effect->order_id);
    for (; row != 0; row = waits->waited[row].next) {
        struct ordo_waited *at = &waits->waited[row];
        struct ordo_waiting *w = &waits->waiting[at->request];
        if (at->shop != effect->shop || !ordo_bytes_equal(number_of(at), effect->order_id)) {
            continue;
        }
        at->state = state == UINT8_MAX ? at->state : state;
        at->version = effect->version;
        at->seq = seq;
        w->holding -= at->holds ? 1 : 0;
        at->holds = is_so(w, at);
        w->holding += at->holds ? 1 : 0;
        make_ready(waits, at->request);
    }
}

void ordo_waits_take(struct ordo_waits *waits, const struct ordo_outcome *outcome)
{
    for (uint32_t i = 0; i < outcome->effect_count; i++) {
        const struct ordo_effect *effect = &outcome->effects[i];
        uint32_t end = effect->transition_first + effect->transition_count;
        bool moved = effect->transition_count != 0;
        ORDO_ASSERT(end <= outcome->transition_count);
        uint8_t state = moved ? outcome->transitions[end - 1].to : UINT8_MAX;
        take_order(waits, effect, state, outcome->result.seq);
    }
}

/* ---- answers ---- */

bool ordo_waits_next(
    struct ordo_waits *waits, uint64_t durable_seq, uint64_t now_ns, uint32_t *request)
{
    while (waits->ready != 0) { /* ends: each is taken out */
        *request = waits->ready - 1;
        struct ordo_waiting *w = &waits->waiting[*request];
        waits->ready = w->next_ready;
        w->ready = false;
        if (is_done(w)) {
            return true;
        }
    }
    if (waits->heap_counts[ORDO_WAIT_BY_SEQ] != 0 &&
        key_at(waits, ORDO_WAIT_BY_SEQ, 1) <= durable_seq) {
        *request = waits->heaps[ORDO_WAIT_BY_SEQ][1];
        return true;
    }
    if (ordo_waits_deadline_ns(waits) <= now_ns) {
        *request = waits->heaps[ORDO_WAIT_BY_TIME][1];
        return true;
    }
    return false;
}

bool ordo_waits_any(const struct ordo_waits *waits, uint32_t *request)
{
    if (waits->count == 0) {
        return false;
    }
    *request = waits->heaps[ORDO_WAIT_BY_TIME][1]; /* every wait is in it */
    return true;
}

uint64_t ordo_waits_request_id(const struct ordo_waits *waits, uint32_t request)
{
    ORDO_ASSERT(request < waits->requests_max && waits->waiting[request].active);
    return waits->waiting[request].request_id;
}

void ordo_waits_write(const struct ordo_waits *waits, uint32_t request, struct ordo_writer *out)
{
    ORDO_ASSERT(request < waits->requests_max && waits->waiting[request].active);
    const struct ordo_waiting *w = &waits->waiting[request];
    ordo_mp_write_array(out, w->holding);
    for (uint32_t row = w->first; row != 0; row = waits->waited[row].next_of_wait) {
        const struct ordo_waited *at = &waits->waited[row];
        struct ordo_waited_view view = {
            .order_id = number_of(at), .state = at->state, .version = at->version, .seq = at->seq};
        if (at->holds) {
            ordo_body_waited_write(out, &view);
        }
    }
}

/* A wait that is ready is taken out of that chain first: they are few, and nearly always it is the
 * first or none. */
static void unready(struct ordo_waits *waits, uint32_t request)
{
    uint32_t *link = &waits->ready;
    while (*link != request + 1) { /* ends: it is in the chain */
        ORDO_ASSERT(*link != 0);
        link = &waits->waiting[*link - 1].next_ready;
    }
    *link = waits->waiting[request].next_ready;
    waits->waiting[request].ready = false;
}

void ordo_waits_remove(struct ordo_waits *waits, uint32_t request)
{
    struct ordo_waiting *w = &waits->waiting[request];
    ORDO_ASSERT(request < waits->requests_max && w->active);
    if (w->ready) {
        unready(waits, request);
    }
    for (uint32_t row = w->first; row != 0;) {
        uint32_t next = waits->waited[row].next_of_wait;
        drop_order(waits, row);
        row = next;
    }
    for (uint32_t heap = 0; heap < ORDO_WAIT_HEAPS; heap++) {
        heap_remove(waits, (enum ordo_wait_heap)heap, request);
    }
    w->active = false;
    waits->count--;
}

uint64_t ordo_waits_deadline_ns(const struct ordo_waits *waits)
{
    bool none = waits->heap_counts[ORDO_WAIT_BY_TIME] == 0;
    return none ? UINT64_MAX : key_at(waits, ORDO_WAIT_BY_TIME, 1);
}
