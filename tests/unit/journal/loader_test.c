/* Goal: a walk over segments gets the same bytes with a thread that reads ahead as without, and an
 * error of a read ahead only when that segment is asked for.
 * Method: a journal of some segments just large enough to be read ahead; one is taken away. */
#include "journal/internal.h"
#include "rig.h"

#define SEGMENT (128u << 10)

static void make_journal(struct rig *rig)
{
    rig_init(rig, ORDO_BACKEND_AUTO);
    rig->config.segment_size = SEGMENT;
    rig_open(rig);
    rig_write(rig, 3000, 3);
    rig_close(rig);
}

static void open_folder(const struct rig *rig, struct ordo_folder *folder)
{
    struct ordo_fail fail;
    cr_assert_eq(ordo_folder_open(folder, rig->dir, false, &fail), ORDO_OK);
    cr_assert_eq(ordo_folder_scan(folder, &fail), ORDO_OK);
    cr_assert_geq(folder->last, 4, "the test needs four segments");
}

static void check_same(
    struct ordo_loader *loader, const struct ordo_folder *folder, uint64_t number, uint64_t last)
{
    const struct ordo_load *got;
    struct ordo_load wanted;
    struct ordo_fail fail;
    enum ordo_err err = ordo_loader_get(loader, folder, number, last, &got, &fail);
    cr_assert_eq(err, ORDO_OK, "%s", fail.text);
    ordo_load_init(&wanted);
    cr_assert_eq(ordo_load_segment(&wanted, folder, number, &fail), ORDO_OK);
    cr_assert_eq(got->size, wanted.size);
    cr_assert_eq(memcmp(got->data, wanted.data, wanted.size), 0, "segment %lu", number);
    ordo_load_fini(&wanted);
}

Test(loader, gives_the_same_bytes_with_a_thread_and_without)
{
    struct rig rig;
    struct ordo_folder folder;
    make_journal(&rig);
    open_folder(&rig, &folder);
    for (int threads = 0; threads < 2; threads++) {
        struct ordo_loader loader;
        ordo_loader_init(&loader);
        loader.threads = threads != 0;
        for (int turn = 0; turn < 2; turn++) { /* verdict, then visits */
            for (uint64_t number = 1; number <= folder.last; number++) {
                check_same(&loader, &folder, number, folder.last);
                cr_assert_eq(loader.ahead, threads && number < folder.last ? number + 1 : 0);
            }
        }
        check_same(&loader, &folder, 4, folder.last);
        check_same(&loader, &folder, 1, folder.last); /* another than was read ahead */
        check_same(&loader, &folder, 2, folder.last);
        ordo_loader_fini(&loader); /* a read may be under way */
        ordo_loader_fini(&loader);
    }
    ordo_folder_close(&folder);
    rig_fini(&rig);
}

Test(loader, tells_the_error_of_a_read_ahead_when_that_segment_is_asked_for)
{
    struct rig rig;
    struct ordo_folder folder;
    struct ordo_loader loader;
    const struct ordo_load *load;
    struct ordo_fail fail;
    char path[128];
    make_journal(&rig);
    open_folder(&rig, &folder);
    rig_path(&rig, 3, path);
    cr_assert_eq(unlink(path), 0);
    ordo_loader_init(&loader);
    loader.threads = true;
    check_same(&loader, &folder, 2, folder.last);
    cr_assert_eq(loader.ahead, 3);
    check_same(&loader, &folder, 1, folder.last);
    check_same(&loader, &folder, 2, folder.last);
    cr_assert_eq(
        ordo_loader_get(&loader, &folder, 3, folder.last, &load, &fail), ORDO_ERR_NOT_FOUND);
    cr_assert_not_null(strstr(fail.text, path), "%s", fail.text);
    check_same(&loader, &folder, 4, folder.last);
    ordo_loader_fini(&loader);
    ordo_folder_close(&folder);
    rig_fini(&rig);
}
