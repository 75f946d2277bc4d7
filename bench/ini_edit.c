/* Lines are looked at one by one: a pair of the wanted section and key is kept, replaced or
 * refused; a key that is missing comes behind the last pair of its section, or with the section at
 * the end. So what a person wrote, comments and order, stays. */
#include "bench/ini_edit.h"

#include "ordo/cli.h"
#include "ordo/config.h"

#include "base/assert.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE 128
#define PATH_SIZE 1024
#define TEXT_MAX  (1u << 20)

struct line {
    const char *text;
    size_t size;             /* without the line's end */
    char section[NAME_SIZE]; /* in force behind this line */
    char key[2 * NAME_SIZE]; /* section.key, "" when it is no pair */
    char value[NAME_SIZE];
};

struct place {            /* where a change goes, line numbers from 1 */
    uint32_t pair;        /* the line that has the key; 0 = none has */
    uint32_t section_end; /* the last pair of the section, or its head; 0 = there is no section */
};

static void copy_trimmed(char *to, size_t room, const char *from, size_t size)
{
    while (size > 0 && isspace((unsigned char)*from) != 0) {
        from++;
        size--;
    }
    while (size > 0 && isspace((unsigned char)from[size - 1]) != 0) {
        size--;
    }
    size = size < room ? size : room - 1;
    memcpy(to, from, size);
    to[size] = '\0';
}

/* inih: a comment behind a value begins with a blank and a semicolon. */
static size_t value_size(const char *text, size_t size)
{
    for (size_t i = 1; i < size; i++) {
        if (text[i] == ';' && isspace((unsigned char)text[i - 1]) != 0) {
            return i - 1;
        }
    }
    return size;
}

static void read_line(struct line *line, const char *section)
{
    const char *at = line->text;
    size_t left = line->size;
    while (left > 0 && isspace((unsigned char)*at) != 0) {
        at++;
        left--;
    }
    (void)snprintf(line->section, sizeof(line->section), "%s", section);
    line->key[0] = '\0';
    if (left == 0 || *at == ';' || *at == '#') {
        return;
    }
    if (*at == '[') {
        const char *end = memchr(at, ']', left);
        size_t size = end == NULL ? left - 1 : (size_t)(end - at) - 1;
        copy_trimmed(line->section, sizeof(line->section), at + 1, size);
        return;
    }
    size_t equal = 0;
    while (equal < left && at[equal] != '=' && at[equal] != ':') {
        equal++;
    }
    if (equal < left) {
        char name[NAME_SIZE];
        copy_trimmed(name, sizeof(name), at, equal);
        (void)snprintf(line->key, sizeof(line->key), "%s.%s", line->section, name);
        const char *value = at + equal + 1;
        size_t size = value_size(value, left - equal - 1);
        copy_trimmed(line->value, sizeof(line->value), value, size);
    }
}

/* The next line of the text; false at its end. */
static bool next_line(const char **text, struct line *line)
{
    char section[NAME_SIZE];
    if (**text == '\0') {
        return false;
    }
    memcpy(section, line->section, sizeof(section));
    line->text = *text;
    line->size = strcspn(*text, "\n");
    *text += line->size + ((*text)[line->size] == '\n');
    read_line(line, section);
    return true;
}

static bool is_same(const char *a, const char *b)
{
    uint64_t x;
    uint64_t y;
    return strcmp(a, b) == 0 ||
           (ordo_cli_number(a, UINT64_MAX, &x) && ordo_cli_number(b, UINT64_MAX, &y) && x == y);
}

static bool is_in_section(const struct ordo_ini_change *change, const char *section)
{
    size_t size = strlen(section);
    return strncmp(change->key, section, size) == 0 && change->key[size] == '.';
}

static const char *name_of(const struct ordo_ini_change *change)
{
    const char *point = strchr(change->key, '.');
    ORDO_ASSERT(point != NULL);
    return point + 1;
}

static enum ordo_err find_places(
    const struct ordo_ini_edit *edit,
    const char *text,
    struct place *places,
    struct ordo_fail *fail)
{
    const struct ordo_ini_change *changes = edit->changes;
    struct line line = {.section = ""};
    for (uint32_t number = 1; next_line(&text, &line); number++) {
        bool is_head = line.key[0] == '\0' && line.size > 0 && line.text[0] == '[';
        for (uint32_t i = 0; i < edit->count; i++) {
            if (is_in_section(&changes[i], line.section) && (line.key[0] != '\0' || is_head)) {
                places[i].section_end = number;
            }
            if (strcmp(line.key, changes[i].key) != 0) {
                continue;
            }
            places[i].pair = number;
            if (!edit->force && !is_same(line.value, changes[i].value)) {
                return ordo_fail_set(
                    fail,
                    ORDO_ERR_EXISTS,
                    "%s:%u: %s is %s and would become %s: --force changes it",
                    edit->path,
                    number,
                    line.key,
                    line.value,
                    changes[i].value);
            }
        }
    }
    return ORDO_OK;
}

static void put_pair(const struct ordo_ini_change *change, FILE *out, FILE *diff)
{
    (void)fprintf(out, "%s = %s\n", name_of(change), change->value);
    (void)fprintf(diff, "+%s = %s\n", name_of(change), change->value);
}

/* The line itself, or what replaces it; then what is new behind it. */
static void write_line(
    const struct line *line,
    uint32_t number,
    const struct ordo_ini_edit *edit,
    const struct place *places,
    FILE *out,
    FILE *diff)
{
    const struct ordo_ini_change *changes = edit->changes;
    bool kept = true;
    for (uint32_t i = 0; i < edit->count; i++) {
        if (places[i].pair == number && !is_same(line->value, changes[i].value)) {
            (void)fprintf(diff, " [%s]\n-%.*s\n", line->section, (int)line->size, line->text);
            put_pair(&changes[i], out, diff);
            kept = false;
        }
    }
    if (kept) {
        (void)fprintf(out, "%.*s\n", (int)line->size, line->text);
    }
    bool named = false;
    for (uint32_t i = 0; i < edit->count; i++) {
        if (places[i].pair == 0 && places[i].section_end == number) {
            (void)fprintf(
                diff, "%s%s%s", named ? "" : " [", named ? "" : line->section, named ? "" : "]\n");
            put_pair(&changes[i], out, diff);
            named = true;
        }
    }
}

static void write_new_sections(
    const struct ordo_ini_edit *edit, const struct place *places, bool empty, FILE *out, FILE *diff)
{
    const struct ordo_ini_change *changes = edit->changes;
    char section[NAME_SIZE] = "";
    for (uint32_t i = 0; i < edit->count; i++) {
        if (places[i].pair != 0 || places[i].section_end != 0) {
            continue;
        }
        if (!is_in_section(&changes[i], section)) {
            size_t size = (size_t)(name_of(&changes[i]) - changes[i].key) - 1;
            copy_trimmed(section, sizeof(section), changes[i].key, size);
            (void)fprintf(out, "%s[%s]\n", empty ? "" : "\n", section);
            (void)fprintf(diff, "+[%s]\n", section);
            empty = false;
        }
        put_pair(&changes[i], out, diff);
    }
}

enum ordo_err ordo_ini_edit_text(
    const struct ordo_ini_edit *edit,
    const char *text,
    FILE *out,
    FILE *diff,
    struct ordo_fail *fail)
{
    struct place places[ORDO_INI_CHANGES_MAX] = {{0}};
    ORDO_ASSERT(edit->count <= ORDO_INI_CHANGES_MAX);
    enum ordo_err err = find_places(edit, text, places, fail);
    if (err != ORDO_OK) {
        return err;
    }
    struct line line = {.section = ""};
    const char *at = text;
    for (uint32_t number = 1; next_line(&at, &line); number++) {
        write_line(&line, number, edit, places, out, diff);
    }
    write_new_sections(edit, places, *text == '\0', out, diff);
    return ORDO_OK;
}

/* ---- the file ---- */

static enum ordo_err read_text(const char *path, char **text, struct ordo_fail *fail)
{
    FILE *in = fopen(path, "re");
    *text = calloc(1, TEXT_MAX + 1);
    if (*text == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for %s", path);
    }
    if (in == NULL) {
        return errno == ENOENT
                   ? ORDO_OK
                   : ordo_fail_set(
                         fail, ORDO_ERR_IO, "%s cannot be read: %s", path, strerror(errno));
    }
    size_t size = fread(*text, 1, TEXT_MAX + 1, in);
    bool good = ferror(in) == 0 && size <= TEXT_MAX;
    (void)fclose(in);
    (*text)[good ? size : 0] = '\0';
    return good ? ORDO_OK : ordo_fail_set(fail, ORDO_ERR_IO, "%s cannot be read whole", path);
}

static enum ordo_err check(const char *path, struct ordo_fail *fail)
{
    struct ordo_config *config = malloc(sizeof(*config));
    if (config == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for a configuration");
    }
    enum ordo_err err = ordo_config_load(config, path, NULL, 0, fail);
    free(config);
    return err;
}

static bool finish(FILE *out)
{
    bool good = fflush(out) == 0 && ferror(out) == 0 && fsync(fileno(out)) == 0;
    return fclose(out) == 0 && good;
}

enum ordo_err
ordo_ini_edit_file(const struct ordo_ini_edit *edit, FILE *diff, struct ordo_fail *fail)
{
    const char *path = edit->path;
    char beside[PATH_SIZE];
    char *text;
    struct stat about;
    enum ordo_err err = read_text(path, &text, fail);
    if (err != ORDO_OK) {
        free(text);
        return err;
    }
    (void)snprintf(beside, sizeof(beside), "%s.new", path);
    FILE *out = fopen(beside, "we");
    if (out == NULL) {
        free(text);
        return ordo_fail_set(fail, ORDO_ERR_IO, "%s cannot be made: %s", beside, strerror(errno));
    }
    if (stat(path, &about) == 0) {
        (void)fchmod(fileno(out), about.st_mode & 07777);
    }
    err = ordo_ini_edit_text(edit, text, out, diff, fail);
    bool good = finish(out);
    err = err == ORDO_OK && good ? check(beside, fail) : err;
    if (err == ORDO_OK && (!good || rename(beside, path) != 0)) {
        err = ordo_fail_set(fail, ORDO_ERR_IO, "%s cannot be written: %s", path, strerror(errno));
    }
    if (err != ORDO_OK) {
        (void)unlink(beside);
    }
    free(text);
    return err;
}
