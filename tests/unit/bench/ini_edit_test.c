/* Settings are written into a configuration file as a person would: other lines stay, a key with
 * another value is not touched without being asked, and the file is one that a node takes. */
#include "bench/ini_edit.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct ordo_ini_change changes[] = {
    {"threads.strategy", "spin"},
    {"threads.layout", "compact"},
    {"journal.batch_size_max", "1Mi"},
};

struct result {
    char *text;
    char *diff;
    enum ordo_err err;
    struct ordo_fail fail;
};

static void forget(struct result *result)
{
    free(result->text);
    free(result->diff);
}

static struct result edit(const char *text, bool force)
{
    const struct ordo_ini_edit what = {
        .path = "ordo.ini", .changes = changes, .count = 3, .force = force};
    struct result result;
    size_t sizes[2];
    FILE *out = open_memstream(&result.text, &sizes[0]);
    FILE *diff = open_memstream(&result.diff, &sizes[1]);
    result.err = ordo_ini_edit_text(&what, text, out, diff, &result.fail);
    (void)fclose(out);
    (void)fclose(diff);
    return result;
}

Test(ini_edit, writes_sections_into_an_empty_file)
{
    struct result r = edit("", false);
    cr_assert_eq(r.err, ORDO_OK);
    cr_assert_str_eq(
        r.text,
        "[threads]\nstrategy = spin\nlayout = compact\n\n[journal]\nbatch_size_max = 1Mi\n");
    cr_assert_str_eq(
        r.diff,
        "+[threads]\n+strategy = spin\n+layout = compact\n+[journal]\n+batch_size_max = 1Mi\n");
    forget(&r);
}

Test(ini_edit, leaves_every_other_line_as_it_is)
{
    struct result r = edit(
        "; mine\n[node]\ndata=x\n\n[threads] \n# here\ncpus = 0,1\n\n[net]\nlisten = tcp://a:1\n",
        false);
    cr_assert_eq(r.err, ORDO_OK);
    cr_assert_str_eq(
        r.text,
        "; mine\n[node]\ndata=x\n\n[threads] \n# here\ncpus = 0,1\nstrategy = spin\n"
        "layout = compact\n\n[net]\nlisten = tcp://a:1\n\n[journal]\nbatch_size_max = 1Mi\n");
    forget(&r);
}

Test(ini_edit, refuses_a_key_with_another_value_and_names_the_place)
{
    struct result r = edit("[threads]\nlayout = compact\nstrategy = park ; quiet\n", false);
    cr_assert_eq(r.err, ORDO_ERR_EXISTS);
    cr_assert_not_null(strstr(r.fail.text, "ordo.ini:3"), "%s", r.fail.text);
    cr_assert_not_null(strstr(r.fail.text, "threads.strategy is park and would become spin"));
    forget(&r);
}

Test(ini_edit, replaces_it_when_forced_and_shows_the_difference)
{
    struct result r = edit("[threads]\nlayout = compact\nstrategy = park ; quiet\n", true);
    cr_assert_eq(r.err, ORDO_OK);
    cr_assert_str_eq(
        r.text,
        "[threads]\nlayout = compact\nstrategy = spin\n\n[journal]\nbatch_size_max = 1Mi\n");
    cr_assert_not_null(
        strstr(r.diff, "-strategy = park ; quiet\n+strategy = spin\n"), "%s", r.diff);
    cr_assert_null(strstr(r.diff, "layout"));
    forget(&r);
}

Test(ini_edit, takes_a_number_for_the_same_however_it_is_written)
{
    const char *text =
        "[journal]\nbatch_size_max = 1048576\n[threads]\nstrategy: spin\nlayout=compact\n";
    struct result r = edit(text, false);
    cr_assert_eq(r.err, ORDO_OK);
    cr_assert_str_eq(r.text, text);
    cr_assert_str_eq(r.diff, "");
    forget(&r);
}

Test(ini_edit, does_not_take_a_comment_for_a_key)
{
    struct result r = edit("[threads]\n; strategy = park\n#layout = shared\n", false);
    cr_assert_eq(r.err, ORDO_OK);
    cr_assert_not_null(strstr(r.text, "; strategy = park\n#layout = shared\n"));
    cr_assert_not_null(strstr(r.text, "[threads]\nstrategy = spin\nlayout = compact\n"));
    forget(&r);
}

Test(ini_edit, is_the_same_when_repeated)
{
    struct result first = edit("[node]\ndata = x\n", false);
    struct result second = edit(first.text, false);
    cr_assert_eq(second.err, ORDO_OK);
    cr_assert_str_eq(second.text, first.text);
    cr_assert_str_eq(second.diff, "");
    forget(&second);
    forget(&first);
}

/* ---- files ---- */

static char folder[] = "/tmp/ordo-ini.XXXXXX";
static char path[64];

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/ordo.ini", folder);
}

static void remove_folder(void)
{
    (void)unlink(path);
    cr_assert_eq(rmdir(folder), 0, "nothing else is left there");
}

static enum ordo_err edit_file(struct ordo_fail *fail)
{
    const struct ordo_ini_edit what = {.path = path, .changes = changes, .count = 3};
    char *diff = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&diff, &size);
    enum ordo_err err = ordo_ini_edit_file(&what, to, fail);
    (void)fclose(to);
    free(diff);
    return err;
}

static void write_text(const char *text)
{
    FILE *out = fopen(path, "w");
    (void)fputs(text, out);
    (void)fclose(out);
}

static void expect_text(const char *wanted)
{
    char text[512] = "";
    FILE *in = fopen(path, "r");
    cr_assert_not_null(in);
    size_t size = fread(text, 1, sizeof(text) - 1, in);
    (void)fclose(in);
    text[size] = 0;
    cr_assert_str_eq(text, wanted);
}

Test(ini_file, is_made_when_missing, .init = make_folder, .fini = remove_folder)
{
    struct ordo_fail fail;
    cr_assert_eq(edit_file(&fail), ORDO_OK);
    expect_text(
        "[threads]\nstrategy = spin\nlayout = compact\n\n[journal]\nbatch_size_max = 1Mi\n");
}

Test(ini_file, stays_when_a_node_would_not_take_it, .init = make_folder, .fini = remove_folder)
{
    struct ordo_fail fail;
    write_text("[node]\ncolour = red\n");
    cr_assert_eq(edit_file(&fail), ORDO_ERR_CONFIG);
    cr_assert_not_null(strstr(fail.text, "node.colour"), "%s", fail.text);
    expect_text("[node]\ncolour = red\n");
}

Test(ini_file, stays_when_a_key_differs, .init = make_folder, .fini = remove_folder)
{
    struct ordo_fail fail;
    write_text("[threads]\nstrategy = park\n");
    cr_assert_eq(edit_file(&fail), ORDO_ERR_EXISTS);
    expect_text("[threads]\nstrategy = park\n");
}
