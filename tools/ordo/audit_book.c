#include "audit_book.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum ordo_err ordo_book_broken(
    struct ordo_fail *fail,
    const struct ordo_record_view *view,
    const char *law,
    const char *format,
    ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return ordo_fail_set(
        fail, ORDO_ERR_DAMAGED, "seq %" PRIu64 ": %s: %s", view->record->seq, law, text);
}

enum ordo_err ordo_book_no_memory(struct ordo_fail *fail)
{
    return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "out of memory for the audit's tables");
}

struct ordo_hash128 ordo_book_key(char kind, uint32_t shop, const void *data, size_t size)
{
    uint8_t bytes[5 + 128];

    ORDO_ASSERT(size <= sizeof(bytes) - 5);
    bytes[0] = (uint8_t)kind;
    ordo_put_le32(bytes + 1, shop);
    ordo_book_copy(bytes + 5, (struct ordo_bytes){data, (uint32_t)size});
    return ordo_hash128(bytes, 5 + size, 1);
}

/* The array with room for one more element, which may have moved; NULL when out of memory: then the
 * old one stays. */
static void *extend(void *array, uint64_t *capacity, uint64_t count, size_t size)
{
    if (count < *capacity) {
        return array;
    }
    uint64_t wider = *capacity == 0 ? 1024 : 2 * *capacity;
    void *moved = realloc(array, wider * size);
    if (moved != NULL) {
        *capacity = wider;
    }
    return moved;
}

/* The row of the key; *added when it is new, then it is zero. rows, count and capacity are those of
 * the tally. 0 when out of memory. */
#define ROW_OF(table, key, rows, count, capacity, added)                                           \
    do {                                                                                           \
        struct ordo_audit_cell *cell = ordo_audit_table_put(table, key, &(added));                 \
        if (cell == NULL) {                                                                        \
            return 0;                                                                              \
        }                                                                                          \
        if (!(added)) {                                                                            \
            return (uint32_t)cell->value;                                                          \
        }                                                                                          \
        void *moved = extend(rows, &(capacity), count, sizeof(*(rows)));                           \
        if (moved == NULL) {                                                                       \
            return 0;                                                                              \
        }                                                                                          \
        (rows) = moved;                                                                            \
        memset(&(rows)[count], 0, sizeof(*(rows)));                                                \
        cell->value = ++(count);                                                                   \
    } while (0)

uint32_t ordo_book_order(struct ordo_tally *t, uint32_t shop, struct ordo_bytes order_id)
{
    bool added;
    struct ordo_hash128 key = ordo_book_key('o', shop, order_id.data, order_id.size);
    ROW_OF(&t->order_of, key, t->orders, t->order_count, t->order_capacity, added);
    return (uint32_t)t->order_count;
}

uint32_t ordo_book_product(struct ordo_tally *t, uint32_t shop, uint64_t product)
{
    uint8_t bytes[8];
    bool added;

    ordo_put_le64(bytes, product);
    struct ordo_hash128 key = ordo_book_key('p', shop, bytes, sizeof(bytes));
    ROW_OF(&t->product_of, key, t->products, t->product_count, t->product_capacity, added);
    t->products[t->product_count - 1].shop = shop;
    t->products[t->product_count - 1].number = (uint32_t)product;
    return (uint32_t)t->product_count;
}

uint32_t
ordo_book_buyer(struct ordo_tally *t, uint32_t shop, uint64_t product, struct ordo_bytes buyer)
{
    uint8_t bytes[8 + ORDO_ID_SIZE] = {0};
    bool added;

    ordo_put_le64(bytes, product);
    ORDO_ASSERT(buyer.size <= ORDO_ID_SIZE);
    ordo_book_copy(bytes + 8, buyer);
    struct ordo_hash128 key = ordo_book_key('b', shop, bytes, sizeof(bytes));
    ROW_OF(&t->buyer_of, key, t->buyers, t->buyer_count, t->buyer_capacity, added);
    return (uint32_t)t->buyer_count;
}

uint32_t ordo_book_coupon(struct ordo_tally *t, uint32_t shop, struct ordo_bytes coupon)
{
    bool added;

    ORDO_ASSERT(coupon.size <= ORDO_COUPON_MAX);
    struct ordo_hash128 key = ordo_book_key('u', shop, coupon.data, coupon.size);
    ROW_OF(&t->coupon_of, key, t->coupons, t->coupon_count, t->coupon_capacity, added);
    struct ordo_tally_coupon *made = &t->coupons[t->coupon_count - 1];
    made->shop = shop;
    made->size = (uint8_t)coupon.size;
    ordo_book_copy(made->text, coupon);
    return (uint32_t)t->coupon_count;
}

void ordo_tally_free(struct ordo_tally *tally)
{
    ordo_audit_table_free(&tally->order_of);
    ordo_audit_table_free(&tally->product_of);
    ordo_audit_table_free(&tally->buyer_of);
    ordo_audit_table_free(&tally->coupon_of);
    ordo_audit_table_free(&tally->channel_of);
    ordo_audit_table_free(&tally->payments);
    ordo_audit_table_free(&tally->card_owner);
    ordo_audit_table_free(&tally->tags);
    free(tally->orders);
    free(tally->products);
    free(tally->buyers);
    free(tally->coupons);
    tally->orders = NULL;
    tally->products = NULL;
    tally->buyers = NULL;
    tally->coupons = NULL;
}
