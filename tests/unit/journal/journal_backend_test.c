/* The backends behind the port: the same writes arrive through both, with both ways to flush, a
 * full queue says so, and where the kernel denies io_uring (as container runtimes do) the other one
 * takes its place. */
#include "rig.h"

#include "journal/disk.h"

#include <errno.h>
#include <liburing.h> /* tidy: allow package-header (a call of it is wrapped) */
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>

#define WRITE_SIZE 4096u

typedef enum ordo_err
open_disk(const struct ordo_disk_config *config, struct ordo_disk **out, struct ordo_fail *fail);

static open_disk *const opens[] = {ordo_disk_uring_open, ordo_disk_sync_open};
static const enum ordo_journal_flush methods[] = {ORDO_FLUSH_DSYNC, ORDO_FLUSH_FDATASYNC};

#define WAYS 4 /* opens[way % 2] with methods[way / 2] */

/* The kernel takes all but the last entry of a submission, as when it is short of memory. */
static int parts_left;
static int refusals_left; /* submissions of which it takes nothing: EAGAIN */

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);

int __wrap_io_uring_submit(struct io_uring *ring)
{
    if (refusals_left > 0) {
        refusals_left--;
        return -EAGAIN;
    }
    if (parts_left == 0 || io_uring_sq_ready(ring) < 2) {
        return __real_io_uring_submit(ring);
    }
    parts_left--;
    ring->sq.sqe_tail--;
    int result = __real_io_uring_submit(ring);
    ring->sq.sqe_tail++;
    return result;
}

/* Every later call of this number fails with the errno, in this process. */
static void deny(long number, uint32_t error)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(rules) / sizeof(rules[0]), .filter = rules};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

Test(backend, brings_every_write_to_its_place)
{
    for (int way = 0; way <= WAYS; way++) {
        bool parted = way == WAYS; /* once more, with pairs that the kernel parts */
        struct rig rig;
        struct ordo_arena arena;
        struct ordo_disk *disk;
        void *memory;
        char path[128];
        rig_init(&rig, ORDO_BACKEND_AUTO);
        rig_path(&rig, 1, path);
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        ordo_arena_init(&arena);
        cr_assert_eq(
            ordo_arena_alloc(&arena, "t", ORDO_DISK_IN_FLIGHT_MAX, WRITE_SIZE, &memory), ORDO_OK);
        uint8_t *buffers = memory;
        struct ordo_disk_config config = {
            .arena = &arena,
            .buffers = buffers,
            .buffer_size = WRITE_SIZE,
            .buffer_count = ORDO_DISK_IN_FLIGHT_MAX,
            .flush = true,
            .method = parted ? ORDO_FLUSH_FDATASYNC : methods[way / 2],
        };
        parts_left = parted ? ORDO_DISK_IN_FLIGHT_MAX : 0;
        cr_assert_eq(opens[way % 2](&config, &disk, &rig.fail), ORDO_OK, "%s", rig.fail.text);
        disk->port->use_file(disk, fd);
        for (uint32_t i = 0; i < ORDO_DISK_IN_FLIGHT_MAX; i++) {
            memset(buffers + i * WRITE_SIZE, (int)(i + 1), WRITE_SIZE);
            struct ordo_disk_write write = {
                .data = buffers + i * WRITE_SIZE,
                .offset = i * WRITE_SIZE,
                .size = WRITE_SIZE,
                .buffer = i,
                .tag = i,
            };
            cr_assert_eq(disk->port->submit(disk, &write), ORDO_OK);
        }
        struct ordo_disk_write one_more = {.data = buffers, .size = WRITE_SIZE};
        cr_assert_eq(disk->port->submit(disk, &one_more), ORDO_ERR_FULL);
        uint32_t seen = 0;
        uint64_t limit = rig_now() + RIG_WAIT_NS;
        while (seen != (1u << ORDO_DISK_IN_FLIGHT_MAX) - 1 && rig_now() < limit) {
            struct ordo_disk_done done[3];
            uint32_t count = disk->port->reap(disk, done, 3);
            for (uint32_t i = 0; i < count; i++) {
                cr_assert_eq(done[i].result, (int32_t)WRITE_SIZE);
                cr_assert_eq(seen & 1u << done[i].tag, 0, "a completion came twice");
                seen |= 1u << done[i].tag;
            }
        }
        cr_assert_eq(seen, (1u << ORDO_DISK_IN_FLIGHT_MAX) - 1);
        cr_assert_eq(parts_left, 0);
        for (uint32_t i = 0; i < ORDO_DISK_IN_FLIGHT_MAX; i++) {
            uint8_t bytes[WRITE_SIZE];
            rig_peek(path, i * WRITE_SIZE, bytes, sizeof(bytes));
            cr_assert(bytes[0] == i + 1 && bytes[WRITE_SIZE - 1] == i + 1);
        }
        disk->port->close(disk);
        ordo_arena_fini(&arena);
        (void)close(fd);
        rig_fini(&rig);
    }
}

/* What becomes of one write to that file. */
static int32_t write_to(const char *path, int way, bool parted)
{
    struct ordo_arena arena;
    struct ordo_disk *disk;
    struct ordo_fail fail;
    void *memory;
    ordo_arena_init(&arena);
    cr_assert_eq(ordo_arena_alloc(&arena, "t", 1, WRITE_SIZE, &memory), ORDO_OK);
    struct ordo_disk_config config = {
        .arena = &arena,
        .buffers = memory,
        .buffer_size = WRITE_SIZE,
        .buffer_count = 1,
        .flush = methods[way / 2] != ORDO_FLUSH_DSYNC, /* these devices know no RWF_DSYNC */
        .method = methods[way / 2],
    };
    parts_left = parted ? 1 : 0;
    cr_assert_eq(opens[way % 2](&config, &disk, &fail), ORDO_OK, "%s", fail.text);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    disk->port->use_file(disk, fd);
    struct ordo_disk_write write = {.data = memory, .size = WRITE_SIZE, .tag = 7};
    cr_assert_eq(disk->port->submit(disk, &write), ORDO_OK);
    struct ordo_disk_done done = {0};
    uint64_t limit = rig_now() + RIG_WAIT_NS;
    while (disk->port->reap(disk, &done, 1) == 0 && rig_now() < limit) {
    }
    cr_assert_eq(done.tag, 7);
    struct ordo_disk_done more;
    cr_assert_eq(disk->port->reap(disk, &more, 1), 0, "a completion came twice");
    disk->port->close(disk);
    ordo_arena_fini(&arena);
    (void)close(fd);
    return done.result;
}

Test(backend, gives_back_the_errno_of_a_write)
{
    for (int way = 0; way < WAYS; way++) {
        cr_assert_eq(write_to("/dev/full", way, false), -ENOSPC, "way %d", way);
    }
    cr_assert_eq(write_to("/dev/full", 2, true), -ENOSPC, "parted");
}

Test(backend, gives_back_the_errno_of_a_flush)
{
    /* it takes every write and knows no flush */
    for (int way = 2; way < WAYS; way++) {
        cr_assert_eq(write_to("/dev/null", way, false), -EINVAL, "way %d", way);
    }
    cr_assert_eq(write_to("/dev/null", 2, true), -EINVAL, "parted");
}

/* Of all workers of this process, in text as the kernel has it; how many there are. */
static int look_at_workers(char *list, size_t size)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    cr_assert_not_null(tasks);
    for (struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
        char path[300];
        char line[100];
        bool worker = false;
        (void)snprintf(path, sizeof(path), "/proc/self/task/%s/status", task->d_name);
        FILE *status = fopen(path, "r");
        while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
            worker = worker || strncmp(line, "Name:\tiou-wrk", 13) == 0;
            if (worker && strncmp(line, "Cpus_allowed_list:\t", 19) == 0) {
                line[strcspn(line, "\n")] = 0;
                (void)snprintf(list, size, "%s", line + 19);
                count++;
            }
        }
        if (status != NULL) {
            (void)fclose(status);
        }
    }
    (void)closedir(tasks);
    return count;
}

Test(backend, sends_the_kernels_workers_away_from_a_pinned_thread)
{
    struct rig rig;
    cpu_set_t only;
    char list[100] = "";
    if (get_nprocs() != 2) {
        return; /* the text below is that of two processors */
    }
    CPU_ZERO(&only);
    CPU_SET(1, &only);
    rig_init(&rig, ORDO_BACKEND_URING);
    rig.config.flush = ORDO_FLUSH_FDATASYNC;
    rig_open(&rig);
    cr_assert_eq(sched_setaffinity(0, sizeof(only), &only), 0);
    rig_write(&rig, 10, 5);
    cr_assert_geq(look_at_workers(list, sizeof(list)), 1);
    cr_assert_str_eq(list, "0");
    rig_close(&rig);
    rig_fini(&rig);
}

static void round_trip_without_uring(uint32_t error)
{
    struct rig rig;
    deny(SYS_io_uring_setup, error);
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig_open(&rig);
    cr_assert_eq(strncmp(ordo_journal_backend_name(rig.journal), "pwritev2", 8), 0);
    rig_write(&rig, 1500, 30);
    rig_close(&rig);
    rig.config.backend = ORDO_BACKEND_URING;
    cr_assert_eq(rig_try_open(&rig), ORDO_OK);
    cr_assert_eq(rig.visited, 1500);
    static const uint8_t hash[16];
    struct ordo_stage stage = {0};
    cr_assert_eq(
        ordo_journal_attach(rig.journal, &stage, hash, &rig.fail),
        ORDO_ERR_UNAVAILABLE,
        "asked for by name, it must not be replaced silently");
    cr_assert_not_null(strstr(rig.fail.text, "io_uring"));
    ordo_journal_close(rig.journal);
    rig_fini(&rig);
}

Test(backend, does_without_io_uring_where_it_is_not_permitted)
{
    round_trip_without_uring(EPERM);
}

Test(backend, does_without_io_uring_where_it_is_not_implemented)
{
    round_trip_without_uring(ENOSYS);
}

Test(backend, gives_up_on_a_ring_that_takes_nothing_any_more)
{
    struct rig rig;
    rig_init(&rig, ORDO_BACKEND_URING);
    rig_open(&rig);
    rig_write(&rig, 10, 5);
    deny(SYS_io_uring_enter, EAGAIN);
    cr_assert_neq(rig_push(&rig, true), 0);
    rig_drain(&rig); /* bounded: returns when the journal has failed */
    cr_assert(ordo_journal_failed(rig.journal));
    cr_assert_eq(ordo_sequence_get(&rig.stage.sequence), 10);
    rig_close(&rig);
    rig_fini(&rig);
}

Test(backend, tries_again_what_the_ring_has_no_room_for)
{
    for (int refusals = 1; refusals <= 9; refusals += 4) {
        struct rig rig;
        rig_init(&rig, ORDO_BACKEND_URING);
        rig_open(&rig);
        rig_write(&rig, 10, 5);
        refusals_left = refusals;
        rig_write(&rig, 40, 5);
        cr_assert_lt(refusals_left, refusals);
        refusals_left = 0;
        cr_assert_not(ordo_journal_failed(rig.journal));
        cr_assert_eq(ordo_sequence_get(&rig.stage.sequence), 50, "dropped and not told");
        rig_close(&rig);
        rig_fini(&rig);
    }
}

Test(backend, works_on_tmpfs_through_the_page_cache)
{
    struct statfs about;
    if (statfs("/dev/shm", &about) != 0 || about.f_type != TMPFS_MAGIC) {
        return; /* this machine has none */
    }
    for (int b = 0; b < 2; b++) {
        struct rig rig;
        cr_assert_eq(setenv("ORDO_TEST_DIR", "/dev/shm", 1), 0);
        rig_init(&rig, b == 0 ? ORDO_BACKEND_URING : ORDO_BACKEND_PWRITE);
        rig_open(&rig);
        rig_write(&rig, 1500, 30);
        rig_close(&rig);
        rig_open(&rig);
        cr_assert_eq(rig.recovery.seq_last, 1500);
        rig_close(&rig);
        rig_fini(&rig);
    }
}
