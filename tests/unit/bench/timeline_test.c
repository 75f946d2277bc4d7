/* The timeline of a burst: what was due, what was answered and how late, slice by slice. */
#include "bench/timeline.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ull

Test(timeline, counts_offers_when_due_and_answers_when_they_come)
{
    struct ordo_timeline t;
    cr_assert_eq(ordo_timeline_init(&t, 1000 * MS, 100 * MS), ORDO_OK);
    ordo_timeline_offered(&t, ORDO_TIMELINE_CREATE, 1050 * MS);
    ordo_timeline_answered(&t, ORDO_TIMELINE_CREATE, 1050 * MS, 1250 * MS);
    cr_assert_eq(t.used, 3);
    cr_assert_eq(t.slices[0].offered[ORDO_TIMELINE_CREATE], 1);
    cr_assert_eq(t.slices[0].answered[ORDO_TIMELINE_CREATE], 0);
    cr_assert_eq(t.slices[2].answered[ORDO_TIMELINE_CREATE], 1);
    cr_assert_eq(ordo_timeline_p99(&t, 0, ORDO_TIMELINE_CREATE), 200000);
    cr_assert_eq(ordo_timeline_p99(&t, 2, ORDO_TIMELINE_CREATE), 0);
    cr_assert_eq(ordo_timeline_sum(&t, ORDO_TIMELINE_CREATE, 0, 200 * MS), 0);
    cr_assert_eq(ordo_timeline_sum(&t, ORDO_TIMELINE_CREATE, 200 * MS, 300 * MS), 1);
    ordo_timeline_fini(&t);
}

Test(timeline, takes_the_99th_of_a_hundred)
{
    struct ordo_timeline t;
    cr_assert_eq(ordo_timeline_init(&t, 0, 100 * MS), ORDO_OK);
    for (uint64_t i = 100; i >= 1; i--) {
        ordo_timeline_answered(&t, ORDO_TIMELINE_FACT, 0, i * MS);
    }
    cr_assert_eq(ordo_timeline_p99(&t, 0, ORDO_TIMELINE_FACT), 99000);
    ordo_timeline_answered(&t, ORDO_TIMELINE_CREATE, 0, 7 * MS);
    cr_assert_eq(ordo_timeline_p99(&t, 0, ORDO_TIMELINE_CREATE), 7000);
    ordo_timeline_fini(&t);
}

Test(timeline, counts_what_lies_outside_at_its_ends)
{
    struct ordo_timeline t;
    cr_assert_eq(ordo_timeline_init(&t, 1000 * MS, 100 * MS), ORDO_OK);
    ordo_timeline_offered(&t, ORDO_TIMELINE_OTHER, 5);
    cr_assert_eq(t.slices[0].offered[ORDO_TIMELINE_OTHER], 1);
    ordo_timeline_busy(&t, UINT64_MAX, 3);
    cr_assert_eq(t.used, ORDO_TIMELINE_SLICES_MAX);
    cr_assert_eq(t.slices[ORDO_TIMELINE_SLICES_MAX - 1].busy, 3);
    ordo_timeline_fini(&t);
}

Test(timeline, is_a_csv_with_a_row_a_slice)
{
    struct ordo_timeline t;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    cr_assert_eq(ordo_timeline_init(&t, 0, 100 * MS), ORDO_OK);
    ordo_timeline_offered(&t, ORDO_TIMELINE_CREATE, 1);
    ordo_timeline_offered(&t, ORDO_TIMELINE_FACT, 150 * MS);
    ordo_timeline_answered(&t, ORDO_TIMELINE_FACT, 150 * MS, 153 * MS);
    ordo_timeline_busy(&t, 160 * MS, 4);
    ordo_timeline_write_csv(&t, out);
    (void)fclose(out);
    cr_assert_str_eq(
        text,
        "ms,creates_offered,creates_answered,creates_p99_us,facts_offered,facts_answered,"
        "facts_p99_us,others_offered,others_answered,others_p99_us,busy\n"
        "0,1,0,0,0,0,0,0,0,0,0\n"
        "100,0,0,0,1,1,3000,0,0,0,4\n");
    free(text);
    ordo_timeline_fini(&t);
}
