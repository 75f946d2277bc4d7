/* Goal: whose journal a folder has is told, or that it has none, or that it could not be read; the
 * last two are never mistaken for each other, because a start that finds none where a snapshot is
 * says that its segments are gone.
 * Method: a real journal; in the place of its segment then something that opens and cannot be read.
 * Found by the simulator: a read that failed once was reported as a journal that is not there. */
#include "rig.h"

#include <sys/stat.h>

static const char segment[] = "journal-00000001.ordo";

Test(look_node, an_unreadable_segment_is_not_taken_for_none)
{
    struct rig rig;
    struct ordo_fail fail;
    char path[600];
    uint8_t node[16];
    uint8_t again[16];
    rig_init(&rig, ORDO_BACKEND_AUTO);
    cr_assert_eq(ordo_journal_look_node(rig.dir, node, &fail), ORDO_ERR_NOT_FOUND);
    rig_open(&rig);
    rig_write(&rig, 3, 3);
    ordo_journal_node(rig.journal, node);
    rig_close(&rig);
    cr_assert_eq(ordo_journal_look_node(rig.dir, again, &fail), ORDO_OK);
    cr_assert_eq(memcmp(node, again, sizeof(node)), 0);

    (void)snprintf(path, sizeof(path), "%s/%s", rig.dir, segment);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(ordo_journal_look_node(rig.dir, node, &fail), ORDO_ERR_IO);
    cr_assert_not_null(strstr(fail.text, segment), "%s", fail.text);
    cr_assert_eq(rmdir(path), 0);
    rig_fini(&rig);
}
