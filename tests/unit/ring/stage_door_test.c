/* What a stage outside of the engine sees compiles and links through ordo_ring_stage alone, and the
 * parts that produce or run threads are not to be seen there. */
#include "ring/barrier.h"
#include "ring/byte_ring.h"
#include "ring/ring.h"
#include "ring/sequence.h"
#include "ring/slot.h"
#include "ring/stage.h"
#include "ring/wait.h"

#include <criterion/criterion.h>

#if __has_include("ring/runner.h") || __has_include("ring/sequencer.h")
#error "a stage outside of the engine must not see runners or the producer's side"
#endif

Test(stage_door, gives_a_stage_what_it_needs)
{
    static struct ordo_arena arena;
    static struct ordo_ring ring;
    static struct ordo_stage stage;
    static struct ordo_sequence before;
    static struct ordo_waker waker;
    ordo_arena_init(&arena);
    cr_assert_eq(ordo_ring_init(&ring, &arena, 64, 64, 64, NULL), ORDO_OK);
    ordo_stage_init(&stage, "door", &ring, 0);
    ordo_barrier_add(&stage.barrier, &before);
    ordo_waker_init(&waker);
    ordo_waker_signal(&waker);
    cr_assert_eq(ordo_stage_available(&stage), 0);
    ordo_arena_fini(&arena);
}
