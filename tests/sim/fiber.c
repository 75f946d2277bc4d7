/* ucontext does the switching: it is in the C library, knows every architecture that we build for,
 * and half a microsecond a switch is little beside what a step does. Stacks are kept and used
 * again, with a page in front that nobody may touch.
 *
 * AddressSanitizer must be told of every switch, else it takes the other stack for a fault.
 */
#include "fiber.h"

#include "base/assert.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif

#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#define STACK_SIZE ((size_t)1 << 20)
#define GUARD_SIZE 4096
#define NAME_MAX_  16

struct fiber {
    ucontext_t context;
    uint8_t *stack; /* kept for the next one */
    void (*run)(void *context);
    void *argument;
    const void *address; /* that it waits for */
    uint64_t due_ns;
    bool used;
    char name[NAME_MAX_];
    void *fake_stack; /* AddressSanitizer's */
};

static struct {
    struct fiber fibers[FIBERS_MAX];
    struct fiber *current;
    ucontext_t scheduler;
    void *fake_stack;
    const void *bottom; /* of the scheduler's stack */
    size_t size;
} all;

static void before_switch(void **save, const void *bottom, size_t size)
{
#ifdef FIBER_ASAN
    __sanitizer_start_switch_fiber(save, bottom, size);
#else
    (void)save;
    (void)bottom;
    (void)size;
#endif
}

static void after_switch(void *saved, const void **bottom, size_t *size)
{
#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(saved, bottom, size);
#else
    (void)saved;
    (void)bottom;
    (void)size;
#endif
}

/* Back to the scheduler; `ends`: for good. */
static void leave(struct fiber *self, bool ends)
{
    before_switch(ends ? NULL : &self->fake_stack, all.bottom, all.size);
    (void)swapcontext(&self->context, &all.scheduler);
    after_switch(self->fake_stack, &all.bottom, &all.size);
}

static void body(void)
{
    struct fiber *self = all.current;
    after_switch(NULL, &all.bottom, &all.size);
    self->run(self->argument);
    self->used = false;
    leave(self, true);
}

void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);

static uint8_t *new_stack(void)
{
    uint8_t *memory = __real_mmap(
        NULL,
        STACK_SIZE + GUARD_SIZE,
        PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
        -1,
        0);
    ORDO_ASSERT(memory != MAP_FAILED);
    (void)mprotect(memory, GUARD_SIZE, PROT_NONE);
    return memory + GUARD_SIZE;
}

struct fiber *fiber_start(const char *name, void (*run)(void *), void *context)
{
    struct fiber *fiber = NULL;
    for (uint32_t i = 0; i < FIBERS_MAX && fiber == NULL; i++) {
        fiber = all.fibers[i].used ? NULL : &all.fibers[i];
    }
    ORDO_ASSERT(fiber != NULL);
    uint8_t *stack = fiber->stack != NULL ? fiber->stack : new_stack();
    *fiber = (struct fiber){.stack = stack, .run = run, .argument = context, .used = true};
    (void)snprintf(fiber->name, sizeof(fiber->name), "%s", name);
    (void)getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = stack;
    fiber->context.uc_stack.ss_size = STACK_SIZE;
    fiber->context.uc_link = NULL;
    makecontext(&fiber->context, body, 0);
    return fiber;
}

void fiber_resume(struct fiber *fiber)
{
    ORDO_ASSERT(all.current == NULL);
    ORDO_ASSERT(fiber->used);
    fiber->address = NULL;
    all.current = fiber;
    before_switch(&all.fake_stack, fiber->stack, STACK_SIZE);
    (void)swapcontext(&all.scheduler, &fiber->context);
    after_switch(all.fake_stack, NULL, NULL);
    all.current = NULL;
}

struct fiber *fiber_current(void)
{
    return all.current;
}

const char *fiber_name(const struct fiber *fiber)
{
    return fiber->name;
}

void fiber_wait(const void *address, uint64_t until_ns)
{
    struct fiber *self = all.current;
    ORDO_ASSERT(self != NULL);
    self->address = address;
    self->due_ns = until_ns;
    leave(self, false);
}

void fiber_pause(void)
{
    if (all.current != NULL) {
        fiber_wait(NULL, 0);
    }
}

void fiber_wake(const void *address, uint32_t count)
{
    for (uint32_t i = 0; i < FIBERS_MAX && count > 0; i++) {
        struct fiber *fiber = &all.fibers[i];
        if (fiber->used && fiber->address == address && fiber->due_ns != 0) {
            fiber->due_ns = 0;
            count--;
        }
    }
}

struct fiber *fiber_at(uint32_t index, uint64_t *due_ns)
{
    for (uint32_t i = 0; i < FIBERS_MAX; i++) {
        if (all.fibers[i].used && index-- == 0) {
            *due_ns = all.fibers[i].due_ns;
            return &all.fibers[i];
        }
    }
    return NULL;
}

void fiber_drop_all(void)
{
    ORDO_ASSERT(all.current == NULL);
    for (uint32_t i = 0; i < FIBERS_MAX; i++) {
        all.fibers[i].used = false;
#ifdef FIBER_ASAN
        if (all.fibers[i].stack != NULL) {
            __asan_unpoison_memory_region(all.fibers[i].stack, STACK_SIZE);
        }
#endif
    }
}
