#include "bench/folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_MAX_FOLDERS 16

enum ordo_err
ordo_bench_folder_make(const char *dir, char folder[ORDO_BENCH_FOLDER], struct ordo_fail *fail)
{
    int size = snprintf(folder, ORDO_BENCH_FOLDER, "%s/ordo-bench-XXXXXX", dir);
    if (size < 0 || size >= ORDO_BENCH_FOLDER) {
        folder[0] = 0;
        return ordo_fail_set(fail, ORDO_ERR_CONFIG, "--dir %.80s...: the path is too long", dir);
    }
    if (mkdtemp(folder) == NULL) {
        return ordo_fail_set(
            fail, ordo_err_from_errno(errno), "cannot make %s: %s", folder, strerror(errno));
    }
    return ORDO_OK;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *place)
{
    (void)about;
    (void)type;
    (void)place;
    return remove(path);
}

void ordo_bench_folder_remove(const char *folder)
{
    if (folder[0] != 0) {
        (void)nftw(folder, remove_one, OPEN_MAX_FOLDERS, FTW_DEPTH | FTW_PHYS);
    }
}
