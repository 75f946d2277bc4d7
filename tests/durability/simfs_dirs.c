/* Listing the one folder of the simulated file system. */
#include "simfs.h"

#include "base/assert.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DIRS_MAX 4

struct sim_dir {
    bool used;
    int fd;
    uint32_t next;
    struct dirent entry;
};

static struct sim_dir dirs[DIRS_MAX]; /* of one thread at a time, as is a stream of names */

#define REAL(result, name, ...)                                                                    \
    result __real_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

void simfs_forget_dirs(void)
{
    memset(dirs, 0, sizeof(dirs));
}

REAL(DIR *, fdopendir, int fd)
{
    if (fd < SIMFS_FD) {
        return __real_fdopendir(fd);
    }
    struct sim_dir *dir = NULL;
    for (uint32_t i = 0; i < DIRS_MAX && dir == NULL; i++) {
        dir = dirs[i].used ? NULL : &dirs[i];
    }
    ORDO_ASSERT(dir != NULL);
    *dir = (struct sim_dir){.used = true, .fd = fd};
    return (DIR *)dir;
}

static struct sim_dir *dir_of(DIR *dir)
{
    const struct sim_dir *own = (const struct sim_dir *)dir;
    return own >= dirs && own < dirs + DIRS_MAX ? (struct sim_dir *)dir : NULL;
}

REAL(struct dirent *, readdir, DIR *dir)
{
    struct sim_dir *own = dir_of(dir);
    char name[SIM_NAME_MAX];
    if (own == NULL) {
        return __real_readdir(dir);
    }
    if (!simfs_list(own->next, name)) {
        return NULL;
    }
    own->next++;
    (void)snprintf(own->entry.d_name, sizeof(own->entry.d_name), "%s", name);
    return &own->entry;
}

REAL(int, closedir, DIR *dir)
{
    struct sim_dir *own = dir_of(dir);
    if (own == NULL) {
        return __real_closedir(dir);
    }
    own->used = false;
    return close(own->fd);
}
