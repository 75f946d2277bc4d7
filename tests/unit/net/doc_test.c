/* net/README.md against the tables it describes: every command with its fields and limits, every
 * result code and every setting stands there as one line. A line that is missing is printed as it
 * must be.
 */
#include "net/service.h"
#include "order/result.h"
#include "order/schema.h"
#include "order/settings.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char readme[1u << 16];

static void read_readme(void)
{
    FILE *f = fopen(ORDO_README, "r");
    cr_assert_not_null(f, "no %s", ORDO_README);
    size_t size = fread(readme, 1, sizeof(readme) - 1, f);
    (void)fclose(f);
    cr_assert(size > 0 && size < sizeof(readme) - 1);
    readme[size] = 0;
}

static void expect_line(const char *line)
{
    char whole[1200];
    snprintf(whole, sizeof(whole), "\n%s\n", line);
    cr_expect(strstr(readme, whole) != NULL, "%s lacks the line\n%s", ORDO_README, line);
}

static size_t describe(const struct ordo_field *f, char *out, size_t room)
{
    static const char types[] = {'U', 'N', 'T', 'B', 'K', 'L', 'P'};
    int size = snprintf(out, room, "%s %c", f->name, types[f->type]);
    if (f->type == ORDO_FIELD_L) {
        size += snprintf(out + size, room - size, " %u x %" PRIu64, f->count_max, f->max);
    } else if (f->type == ORDO_FIELD_P) {
        size += snprintf(out + size, room - size, " %u", f->count_max);
    } else if (f->type != ORDO_FIELD_N && f->type != ORDO_FIELD_K) {
        size += snprintf(out + size, room - size, " %" PRIu64, f->max);
    }
    return (size_t)size;
}

static void expect_schema(const struct ordo_command_schema *schema)
{
    char line[1024];
    size_t size = (size_t)snprintf(line, sizeof(line), "| %u | %s |", schema->kind, schema->name);
    for (uint32_t k = 0; k < schema->field_count; k++) {
        const char *before = k == schema->content_field_count ? " / " : k == 0 ? " " : ", ";
        size += (size_t)snprintf(line + size, sizeof(line) - size, "%s", before);
        size += describe(&schema->fields[k], line + size, sizeof(line) - size);
    }
    snprintf(line + size, sizeof(line) - size, " |");
    expect_line(line);
}

Test(readme, has_every_command_with_its_fields)
{
    read_readme();
    const struct ordo_command_schema *schema;
    for (uint32_t i = 0; (schema = ordo_schema_at(i)) != NULL; i++) {
        expect_schema(schema);
    }
}

Test(readme, has_every_service_with_its_fields)
{
    read_readme();
    const struct ordo_command_schema *schema;
    for (uint32_t i = 0; (schema = ordo_service_schema_at(i)) != NULL; i++) {
        expect_schema(schema);
    }
}

Test(readme, has_every_result_code)
{
    char line[512];
    read_readme();
#define LINE(NAME, number, name, text)                                                             \
    snprintf(line, sizeof(line), "| %d | %s | %s |", number, name, text);                          \
    expect_line(line);
    ORDO_RESULTS(LINE)
#undef LINE
}

Test(readme, has_every_setting)
{
    char line[512];
    read_readme();
#define LINE(key, name, standard, min, max, capacity, text)                                        \
    snprintf(line, sizeof(line), "| %d | %s | %s |", key, #name, text);                            \
    expect_line(line);
    ORDO_SETTINGS(LINE)
#undef LINE
}

Test(readme, has_every_state_and_disposition)
{
    char words[64];
    read_readme();
    for (char *c = readme; *c != 0; c++) {
        *c = *c == '\n' ? ' ' : *c;
    }
#define WORD(number, name)                                                                         \
    snprintf(words, sizeof(words), " %d %s", number, name);                                        \
    cr_expect(strstr(readme, words) != NULL, "%s lacks%s", ORDO_README, words);
#define STATE(NAME, number, name, chinese) WORD(number, name)
    ORDO_STATES(STATE)
#undef STATE
#define DISPOSITION(NAME, number, name) WORD(number, name)
    ORDO_DISPOSITIONS(DISPOSITION)
#undef DISPOSITION
#undef WORD
}
