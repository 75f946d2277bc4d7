/* A barrier is the smallest of its dependencies, by unsigned difference: also across the wrap of 64
 * bits. */
#include "ring/barrier.h"

#include <criterion/criterion.h>
#include <signal.h>

Test(barrier, returns_the_smallest_of_its_dependencies)
{
    static struct ordo_sequence s[ORDO_BARRIER_DEPENDENCIES_MAX];
    struct ordo_barrier barrier = {.count = 0};
    for (uint64_t i = 0; i < ORDO_BARRIER_DEPENDENCIES_MAX; i++) {
        ordo_sequence_init(&s[i], 100 + i);
        ordo_barrier_add(&barrier, &s[i]);
    }
    for (size_t least = 0; least < ORDO_BARRIER_DEPENDENCIES_MAX; least++) {
        uint64_t before = ordo_sequence_own(&s[least]);
        ordo_sequence_set(&s[least], 42);
        cr_assert_eq(ordo_barrier_get(&barrier), 42, "dependency %zu is not looked at", least);
        ordo_sequence_set(&s[least], before);
    }
    cr_assert_eq(ordo_barrier_get(&barrier), 100);
}

Test(barrier, orders_cursors_across_the_wrap)
{
    static struct ordo_sequence before;
    static struct ordo_sequence behind;
    struct ordo_barrier barrier = {.count = 0};
    ordo_sequence_init(&before, UINT64_MAX - 1);
    ordo_sequence_init(&behind, 3); /* five further */
    ordo_barrier_add(&barrier, &behind);
    ordo_barrier_add(&barrier, &before);
    cr_assert_eq(ordo_barrier_get(&barrier), UINT64_MAX - 1);
    ordo_sequence_set(&before, 4);
    cr_assert_eq(ordo_barrier_get(&barrier), 3);
}

Test(barrier, without_a_dependency_asserts, .signal = SIGABRT)
{
    struct ordo_barrier barrier = {.count = 0};
    (void)ordo_barrier_get(&barrier);
}

Test(barrier, refuses_more_than_its_room, .signal = SIGABRT)
{
    static struct ordo_sequence s;
    struct ordo_barrier barrier = {.count = ORDO_BARRIER_DEPENDENCIES_MAX};
    ordo_barrier_add(&barrier, &s);
}
