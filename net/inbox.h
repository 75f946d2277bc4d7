/* inbox.h - what several threads write in this folder: the stack of requests that came in, and
 * counters. The only file of net/ with memory orders.
 *
 * The inbox is Treiber's stack with one consumer who takes all of it at once: pushing is one
 * exchange without a lock, and as nobody pops single items there is no ABA. It is bounded because
 * each request exists once.
 */
#ifndef ORDO_NET_INBOX_H
#define ORDO_NET_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ordo_inbox_item {
    struct ordo_inbox_item *next;
};

struct ordo_inbox {
    _Atomic(struct ordo_inbox_item *) newest;
};

/* Any thread; does not block. */
static inline void ordo_inbox_push(struct ordo_inbox *inbox, struct ordo_inbox_item *item)
{
    struct ordo_inbox_item *newest = atomic_load_explicit(&inbox->newest, memory_order_relaxed);
    do {
        item->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(
        &inbox->newest, &newest, item, memory_order_release, memory_order_relaxed));
}

/* Everything that was pushed, oldest first, NULL at the end. The consumer. */
static inline struct ordo_inbox_item *ordo_inbox_take(struct ordo_inbox *inbox)
{
    if (atomic_load_explicit(&inbox->newest, memory_order_relaxed) == NULL) {
        return NULL;
    }
    struct ordo_inbox_item *item =
        atomic_exchange_explicit(&inbox->newest, NULL, memory_order_acquire);
    struct ordo_inbox_item *oldest = NULL;
    while (item != NULL) {
        struct ordo_inbox_item *older = item->next;
        item->next = oldest;
        oldest = item;
        item = older;
    }
    return oldest;
}

static inline bool ordo_inbox_is_empty(const struct ordo_inbox *inbox)
{
    return atomic_load_explicit(&inbox->newest, memory_order_relaxed) == NULL;
}

/* Counts for statistics: no order with anything else. Any thread. */
struct ordo_counter {
    _Atomic uint64_t value;
};

static inline void ordo_counter_add(struct ordo_counter *counter, uint64_t n)
{
    (void)atomic_fetch_add_explicit(&counter->value, n, memory_order_relaxed);
}

static inline uint64_t ordo_counter_get(const struct ordo_counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

/* A flag that one thread raises and others see soon. */
struct ordo_flag {
    _Atomic bool raised;
};

static inline void ordo_flag_raise(struct ordo_flag *flag)
{
    atomic_store_explicit(&flag->raised, true, memory_order_release);
}

static inline bool ordo_flag_is_raised(const struct ordo_flag *flag)
{
    return atomic_load_explicit(&flag->raised, memory_order_acquire);
}

#endif
