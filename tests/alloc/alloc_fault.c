/* A library to be preloaded (LD_PRELOAD) that makes the k-th allocation fail, and notes who
 * allocates while nobody should.
 *
 * It stands before malloc and its relatives and before mmap of anonymous memory, which is what an
 * arena is made of. An allocation counts when the innermost caller outside of the C library is not
 * nng or what it rests on: what nng does without memory is not ours to promise. So what LMDB, zstd,
 * jansson ask for on our behalf can fail as well. OpenSSL is let off: its own start dies of a lock
 * that it could not make (3.0, EVP_MD_fetch); but it is watched. Callers are found by unwinding,
 * which wants memory itself at the first time: the constructor does that.
 */
#include "alloc_page.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FRAMES_MAX 24

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static struct alloc_page *page; /* NULL: nothing is counted */
static _Thread_local bool inside;

static const char *const unseen[] = {
    "libc.so", "ld-linux", "alloc_fault", "libpthread", "vdso", "libgcc_s"};
static const char *const foreign[] = {"libnng", "libmbed"};
static const char *const spared[] = {"libcrypto"};

static bool is_one_of(const char *path, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strstr(path, names[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* The innermost caller that is not the C library; false: nng's, or unknown. */
static bool find_caller(Dl_info *info, void **address)
{
    void *frames[FRAMES_MAX];
    int count = backtrace(frames, FRAMES_MAX);
    for (int i = 1; i < count; i++) {
        if (dladdr(frames[i], info) == 0 || info->dli_fname == NULL) {
            continue;
        }
        if (!is_one_of(info->dli_fname, unseen, sizeof(unseen) / sizeof(unseen[0]))) {
            *address = frames[i];
            return !is_one_of(info->dli_fname, foreign, sizeof(foreign) / sizeof(foreign[0]));
        }
    }
    return false;
}

/* Where the name stands in the page's text, whose first byte is no name's. */
static uint64_t module_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t at = 1;
    while (page->text[at] != '\0') {
        if (strcmp(page->text + at, name) == 0) {
            return at;
        }
        at += strlen(page->text + at) + 1;
    }
    if (at + strlen(name) + 2 > sizeof(page->text)) {
        return 0;
    }
    memcpy(page->text + at, name, strlen(name) + 1);
    return at;
}

static void note(const Dl_info *info, void *address, size_t size)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    (void)pthread_mutex_lock(&lock);
    uint64_t number = page->watched++;
    if (number < ALLOC_SEEN_MAX) {
        struct alloc_seen *seen = &page->seen[number];
        (void)pthread_getname_np(pthread_self(), seen->thread, sizeof(seen->thread));
        seen->size = size;
        seen->module = module_of(info->dli_fname);
        seen->offset = (uint64_t)((char *)address - (char *)info->dli_fbase);
    }
    (void)pthread_mutex_unlock(&lock);
}

/* Whether this allocation is to fail. */
static bool fails(size_t size)
{
    Dl_info info;
    void *address;
    if (page == NULL || inside || (page->fail_at == 0 && page->watching == 0)) {
        return false;
    }
    inside = true;
    bool ours = find_caller(&info, &address);
    bool hit = false;
    if (ours && page->watching != 0) {
        note(&info, address, size);
    }
    bool spare = ours && is_one_of(info.dli_fname, spared, sizeof(spared) / sizeof(spared[0]));
    if (ours && !spare && page->fail_at != 0) {
        hit = __atomic_add_fetch(&page->counted, 1, __ATOMIC_SEQ_CST) == page->fail_at;
    }
    if (hit) {
        note(&info, address, size);
        page->hits++;
    }
    inside = false;
    errno = hit ? ENOMEM : errno;
    return hit;
}

static void *given(void *memory)
{
    if (memory != NULL && page != NULL && !inside) {
        __atomic_add_fetch(&page->live, 1, __ATOMIC_RELAXED);
    }
    return memory;
}

void *malloc(size_t size)
{
    return fails(size) ? NULL : given(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return fails(count * size) ? NULL : given(__libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
    if (size != 0 && fails(size)) {
        return NULL;
    }
    void *moved = __libc_realloc(memory, size);
    return memory == NULL ? given(moved) : moved;
}

void *memalign(size_t alignment, size_t size)
{
    return fails(size) ? NULL : given(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *memory = memalign(alignment, size);
    *out = memory != NULL ? memory : *out;
    return memory != NULL ? 0 : ENOMEM;
}

void free(void *memory)
{
    if (memory != NULL && page != NULL && !inside) {
        __atomic_sub_fetch(&page->live, 1, __ATOMIC_RELAXED);
    }
    __libc_free(memory);
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    static void *(*real)(void *, size_t, int, int, int, off_t);
    if (real == NULL) {
        void *found = dlsym(RTLD_NEXT, "mmap");
        memcpy(&real, &found, sizeof(real)); /* as POSIX wants it done */
    }
    if ((flags & MAP_ANONYMOUS) != 0 && fails(size)) {
        return MAP_FAILED;
    }
    return real(at, size, protection, flags, fd, offset);
}

__attribute__((constructor)) static void begin(void)
{
    void *frames[2];
    const char *path = getenv("ORDO_ALLOC_PAGE");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    inside = true;
    (void)backtrace(frames, 2);
    inside = false;
    if (fd < 0) {
        return;
    }
    void *map = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    page = map == MAP_FAILED ? NULL : map;
}
