/* simfs.h - a file system in memory that remembers what was flushed and what was not.
 *
 * A program linked with the --wrap options of CMakeLists.txt has every file call of the journal
 * land here when its path is SIMFS_ROOT or below it; all other calls go on to the C library. There
 * is one folder: a file below a folder below the root has both in its name. So the code under
 * test is the product's, unchanged. What the calls change is done to the mounted image and, when a
 * log is given, written down: writes, sizes, names, flushes, in their order. powerloss.c makes from
 * an image and a log every state that a power cut can leave.
 *
 * The model is weaker than ext4 or xfs, which is the safe side: a flush of a file makes its bytes
 * and its size durable and not its name; names become durable with a flush of the folder, and each
 * of them on its own until then.
 */
#ifndef ORDO_TESTS_DURABILITY_SIMFS_H
#define ORDO_TESTS_DURABILITY_SIMFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIMFS_ROOT "/sim"
#define SIMFS_FD   (1 << 20) /* simulated descriptors begin here */
#ifndef SIM_FILE_MAX         /* a rig with bigger ones has a build of its own */
#define SIM_FILE_MAX  (160u << 10)
#define SIM_FILES_MAX 48
#define SIM_NAMES_MAX 48
#endif
#define SIM_NAME_MAX   56
#define SIM_OPS_MAX    8192
#define SIM_HEAP_MAX   ((size_t)24 << 20)
#define SIM_SECTOR     512u
#define SIM_NO_FILE    UINT32_MAX
#define SIM_NS_FOREVER UINT64_MAX

struct sim_random {
    uint64_t state;
};

/* splitmix64, and a number below bound (not 0). */
uint64_t sim_random64(struct sim_random *random);
uint32_t sim_random(struct sim_random *random, uint32_t bound);

struct sim_file {
    uint8_t *data; /* SIM_FILE_MAX bytes */
    uint64_t size;
};

struct sim_name {
    char name[SIM_NAME_MAX];
    uint32_t file;
};

struct sim_image {
    struct sim_file files[SIM_FILES_MAX];
    struct sim_name names[SIM_NAMES_MAX];
    uint32_t file_count;
    uint32_t name_count;
};

enum sim_op_kind {
    SIM_WRITE,
    SIM_SIZE,
    SIM_CREATE,
    SIM_RENAME,
    SIM_UNLINK,
    SIM_FLUSH,     /* of a file: its writes so far are durable */
    SIM_FLUSH_DIR, /* names so far are durable */
    SIM_DONE,      /* the write with the index `offset` has completed and is durable */
    SIM_ACK,       /* sequences up to `offset` were acknowledged */
};

struct sim_op {
    enum sim_op_kind kind;
    uint32_t file;
    uint64_t offset; /* WRITE: place; SIZE: new size; else see above */
    uint32_t size;
    uint8_t *data;
    char name[SIM_NAME_MAX];
    char to[SIM_NAME_MAX];
};

struct sim_log {
    struct sim_op ops[SIM_OPS_MAX];
    uint32_t count;
    uint8_t *heap; /* of the written bytes */
    size_t used;
};

void sim_image_init(struct sim_image *image);
void sim_image_copy(struct sim_image *to, const struct sim_image *from);
/* Leaves out files without a name, so that many lives fit. */
void sim_image_compact(struct sim_image *to, const struct sim_image *from);
uint32_t sim_image_find(const struct sim_image *image, const char *name);
void sim_image_apply(struct sim_image *image, const struct sim_op *op);
uint64_t sim_image_hash(const struct sim_image *image);

void sim_log_init(struct sim_log *log);
void sim_log_clear(struct sim_log *log);
uint32_t sim_log_add(struct sim_log *log, const struct sim_op *op, const uint8_t *data);

/* The calls of the caller's process land in image from now on; block is what O_DIRECT asks for.
 * log may be NULL. Closes what was open. */
void simfs_mount(struct sim_image *image, struct sim_log *log, uint32_t block);

/* A write that is under way: seen by reads, durable only when SIM_DONE is noted for its index. */
uint32_t simfs_write_begin(int fd, uint64_t offset, const uint8_t *data, uint32_t size);
/* What follows is written down there; NULL = is done to the image only. */
void simfs_use_log(struct sim_log *log);
void simfs_stop_log(void);

void simfs_note(enum sim_op_kind kind, uint64_t value);

/* Asked before every call of these kinds (closes: of any descriptor) what becomes of it: 0, an
 * errno, or -1 for "nothing, but say that it was done"; of a write *size may be made less. It may
 * take its time: the file system is not locked meanwhile. */
enum simfs_call {
    SIMFS_OPEN,
    SIMFS_READ,
    SIMFS_WRITE,
    SIMFS_ROOM,
    SIMFS_FLUSH,
    SIMFS_NAME,
    SIMFS_CLOSE,
};
typedef int simfs_gate(enum simfs_call call, int fd, size_t *size);
void simfs_set_gate(simfs_gate *gate);

/* The bytes of an open file, for who maps it; and whether a pointer is such bytes. */
uint8_t *simfs_bytes(int fd);
bool simfs_is_bytes(const void *bytes);

/* The index-th name; false past the last. */
bool simfs_list(uint32_t index, char name[SIM_NAME_MAX]);
/* Streams of names that nobody will close. */
void simfs_forget_dirs(void);

/* Calls of other threads wait until they are let through, which makes a run repeatable: `count` of
 * them, or fewer when the thread has locked its segment, which is its last call. */
void simfs_hold_others(bool hold);
void simfs_expect_other(void); /* another thread has begun, or will */
void simfs_let_others(uint32_t count);
bool simfs_is_other_done(void);

#endif
