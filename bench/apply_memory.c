#include "bench/apply_memory.h"

#include "bench/apply_load.h"
#include "order/image.h"

#include <stdio.h>
#include <string.h>

/* Two measurements beside each other. What a state takes at start for so many orders: the arena's
 * items, which are all there is, since it is sealed afterwards. And what an order uses: a smaller
 * load brings its orders to their end and the rows that were handed out are counted. What the
 * first has above the second is room: the part kept for payment facts and operators, the free third
 * of each index, the heap for holds that are not there any more.
 */

#define ORDERS_DRIVEN 65536u
#define LABEL_MAX     64

struct used {
    const char *name;
    uint32_t row_size;
    double rows; /* a completed order */
};

static bool is_goods(const char *item)
{
    return strncmp(item, "card", 4) == 0 || strncmp(item, "secret", 6) == 0;
}

/* Rows that completed orders use of each table. */
static enum ordo_err
drive(struct used used[], uint32_t max, uint32_t *count, struct ordo_fail *fail)
{
    static struct ordo_load load;
    struct ordo_arena arena;
    ordo_arena_init(&arena);
    enum ordo_err err =
        ordo_load_open(&load, &arena, ORDERS_DRIVEN, ORDERS_DRIVEN + ORDO_LOAD_BLOCK, fail);
    if (err != ORDO_OK) {
        ordo_arena_fini(&arena);
        return err;
    }
    ordo_arena_seal(&arena); /* from here on an allocation would end the program */
    ordo_load_complete(&load);
    struct ordo_image_section section;
    for (*count = 0; *count < max && ordo_image_section(load.state, *count, &section); ++*count) {
        bool by_import = strcmp(section.name, "card") == 0 || strcmp(section.name, "secret") == 0;
        used[*count] = (struct used){
            .name = section.name,
            .row_size = section.row_size,
            .rows = by_import ? 1 : (double)section.used / ORDERS_DRIVEN,
        };
    }
    if (load.refused != 0) {
        err = ordo_fail_set(fail, ORDO_ERR_DAMAGED, "commands were refused: the load is wrong");
    }
    ordo_arena_fini(&arena);
    return err;
}

static const struct used *used_by(const struct used used[], uint32_t count, const char *item)
{
    for (uint32_t i = 0; i < count; i++) {
        char label[LABEL_MAX];
        (void)snprintf(label, sizeof(label), "%s rows", used[i].name);
        if (strcmp(label, item) == 0) {
            return &used[i];
        }
    }
    return NULL;
}

static double print_items(
    const struct ordo_arena *arena,
    const struct used used[],
    uint32_t count,
    uint32_t orders_max,
    bool goods)
{
    double sum = 0;
    double marks = 0;
    for (uint32_t i = 0; i < arena->count; i++) {
        const struct ordo_arena_item *item = &arena->items[i];
        double bytes = (double)item->size / orders_max;
        if (strncmp(item->name, "chunk", 5) == 0) {
            marks += goods ? 0 : bytes;
            continue;
        }
        if (is_goods(item->name) != goods) {
            continue;
        }
        sum += bytes;
        const struct used *u = used_by(used, count, item->name);
        if (u != NULL && bytes >= 0.05) {
            printf(
                "%-18s %10u %10.2f %10.1f %10.1f\n",
                item->name,
                u->row_size,
                u->rows,
                u->rows * u->row_size,
                bytes);
        } else if (bytes >= 0.05) {
            printf("%-18s %10s %10s %10s %10.1f\n", item->name, "-", "-", "-", bytes);
        }
    }
    if (!goods) {
        printf("%-18s %10s %10s %10s %10.1f\n", "chunk digests", "-", "-", "-", marks);
    }
    return sum + marks;
}

enum ordo_err ordo_bench_memory(uint32_t orders_max, struct ordo_fail *fail)
{
    struct used used[32];
    uint32_t count = 0;
    enum ordo_err err = drive(used, 32, &count, fail);
    if (err != ORDO_OK) {
        return err;
    }
    struct ordo_settings_values v = ordo_load_settings(orders_max);
    struct ordo_state *state = NULL;
    struct ordo_arena arena;
    ordo_arena_init(&arena);
    err = ordo_state_create(&arena, &v, &state, fail);
    if (err == ORDO_OK) {
        printf("%u orders, four commands each; bytes of an order\n", orders_max);
        printf("%-18s %10s %10s %10s %10s\n", "", "a row", "rows used", "used", "with room");
        double engine = print_items(&arena, used, count, orders_max, false);
        printf("%-18s %10s %10s %10s %10.1f\n", "engine", "", "", "", engine);
        double goods = print_items(&arena, used, count, orders_max, true);
        printf("%-18s %10s %10s %10s %10.1f\n", "one card each", "", "", "", goods);
        printf(
            "%-18s %10s %10s %10s %10.1f  (%.2f GB)\n",
            "all",
            "",
            "",
            "",
            engine + goods,
            (double)arena.bytes / 1e9);
    }
    ordo_arena_fini(&arena);
    return err;
}
