/* Goal: a sealed card opens for its key, shop and product and for nothing else, and a repeated
 * import is byte for byte the same. Method: seal, then change one thing at a time. Key files are
 * made in a folder of their own.
 */
#include "net/client/seal.h"

#include "base/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct ordo_key key_of(uint8_t seed)
{
    uint8_t master[ORDO_KEY_SIZE];
    struct ordo_key key;
    memset(master, seed, sizeof(master));
    cr_assert_eq(ordo_key_derive(master, &key), ORDO_OK);
    return key;
}

static struct ordo_bytes text(const char *s)
{
    return (struct ordo_bytes){(const uint8_t *)s, (uint32_t)strlen(s)};
}

static struct ordo_bytes
seal(uint8_t out[ORDO_SEALED_MAX], uint8_t seed, uint32_t shop, uint32_t product, const char *s)
{
    struct ordo_key key = key_of(seed);
    struct ordo_writer w = ordo_writer_over(out, ORDO_SEALED_MAX);
    cr_assert_eq(ordo_seal(&key, shop, product, text(s), &w), ORDO_OK);
    return (struct ordo_bytes){out, (uint32_t)ordo_writer_size(&w)};
}

/* What a node answers with. */
static struct ordo_bytes behind_tag(struct ordo_bytes card)
{
    return (struct ordo_bytes){card.data + ORDO_SEAL_TAG, card.size - ORDO_SEAL_TAG};
}

Test(seal, opens_what_it_sealed_at_every_size)
{
    struct ordo_key key = key_of(7);
    for (uint32_t size = 1; size <= ORDO_SECRET_MAX; size++) {
        uint8_t secret[ORDO_SECRET_MAX];
        uint8_t opened[ORDO_SECRET_MAX];
        uint8_t sealed[ORDO_SEALED_MAX];
        uint32_t opened_size = 0;
        for (uint32_t i = 0; i < size; i++) {
            secret[i] = (uint8_t)(i * 31 + size);
        }
        struct ordo_writer w = ordo_writer_over(sealed, sizeof(sealed));
        cr_assert_eq(ordo_seal(&key, 3, 9, (struct ordo_bytes){secret, size}, &w), ORDO_OK);
        cr_assert_eq(ordo_writer_size(&w), size + ORDO_SEAL_OVERHEAD);
        struct ordo_bytes bytes = {
            sealed + ORDO_SEAL_TAG, size + ORDO_SEAL_OVERHEAD - ORDO_SEAL_TAG};
        cr_assert_eq(ordo_open_sealed(&key, 3, 9, bytes, opened, &opened_size), ORDO_OK);
        cr_assert_eq(opened_size, size);
        cr_assert_eq(memcmp(opened, secret, size), 0);
    }
}

Test(seal, gives_the_same_bytes_for_the_same_secret_and_others_for_any_other_thing)
{
    uint8_t a[ORDO_SEALED_MAX];
    uint8_t b[ORDO_SEALED_MAX];
    struct ordo_bytes first = seal(a, 1, 2, 3, "AAAA-BBBB");
    cr_assert(ordo_bytes_equal(first, seal(b, 1, 2, 3, "AAAA-BBBB")));

    const struct {
        uint8_t seed;
        uint32_t shop;
        uint32_t product;
        const char *secret;
    } others[] = {
        {2, 2, 3, "AAAA-BBBB"},
        {1, 9, 3, "AAAA-BBBB"},
        {1, 2, 9, "AAAA-BBBB"},
        {1, 2, 3, "AAAA-BBBC"}};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct ordo_bytes other =
            seal(b, others[i].seed, others[i].shop, others[i].product, others[i].secret);
        cr_assert_neq(memcmp(a, other.data, ORDO_SEAL_TAG), 0, "tag of %zu", i);
        cr_assert_neq(memcmp(a + 16, other.data + 16, ORDO_SEAL_NONCE), 0, "nonce of %zu", i);
        cr_assert_neq(memcmp(a + 40, other.data + 40, 9), 0, "ciphertext of %zu", i);
    }
}

/* Both streams of the process into a file while a card is sealed and opened. */
Test(seal, says_nothing_of_a_secret_to_any_stream)
{
    static char said[65536];
    static const char secret[] = "MARKED-CARD-KEY-0042";
    uint8_t sealed[ORDO_SEALED_MAX];
    uint8_t opened[ORDO_SECRET_MAX];
    uint32_t size = 0;
    char path[] = "/tmp/ordo-seal-XXXXXX";
    int file = mkstemp(path);
    int streams[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
    cr_assert_geq(file, 0);
    ordo_log_set_level(ORDO_LOG_INFO);
    (void)fflush(NULL);
    cr_assert(dup2(file, STDOUT_FILENO) >= 0 && dup2(file, STDERR_FILENO) >= 0);
    struct ordo_key key = key_of(7);
    struct ordo_bytes card = behind_tag(seal(sealed, 7, 3, 9, secret));
    enum ordo_err err = ordo_open_sealed(&key, 3, 9, card, opened, &size);
    ORDO_LOG_INFO("the end of what was said");
    (void)fflush(NULL);
    cr_assert(dup2(streams[0], STDOUT_FILENO) >= 0 && dup2(streams[1], STDERR_FILENO) >= 0);
    cr_assert_eq(err, ORDO_OK);
    ssize_t got = pread(file, said, sizeof(said) - 1, 0);
    cr_assert_gt(got, 0);
    cr_assert_not_null(strstr(said, "the end of what was said"), "the log goes somewhere else");
    cr_assert_null(memmem(said, (size_t)got, secret, sizeof(secret) - 1));
    (void)unlink(path);
}

Test(seal, does_not_show_the_secret)
{
    uint8_t a[ORDO_SEALED_MAX];
    struct ordo_bytes sealed = seal(a, 1, 0, 1, "SECRET-SECRET");
    cr_assert_null(memmem(sealed.data, sealed.size, "SECRET", 6));
}

Test(seal, refuses_another_key_shop_or_product)
{
    uint8_t a[ORDO_SEALED_MAX];
    uint8_t out[ORDO_SECRET_MAX];
    uint32_t size = 77;
    struct ordo_bytes sealed = behind_tag(seal(a, 1, 2, 3, "card"));
    struct ordo_key right = key_of(1);
    struct ordo_key wrong = key_of(2);
    cr_assert_eq(ordo_open_sealed(&right, 2, 3, sealed, out, &size), ORDO_OK);
    size = 77;
    cr_assert_eq(ordo_open_sealed(&wrong, 2, 3, sealed, out, &size), ORDO_ERR_DAMAGED);
    cr_assert_eq(ordo_open_sealed(&right, 3, 3, sealed, out, &size), ORDO_ERR_DAMAGED);
    cr_assert_eq(ordo_open_sealed(&right, 2, 4, sealed, out, &size), ORDO_ERR_DAMAGED);
    cr_assert_eq(size, 77, "an output is set on success only");
}

Test(seal, refuses_any_changed_byte_and_any_cut)
{
    uint8_t a[ORDO_SEALED_MAX];
    uint8_t out[ORDO_SECRET_MAX];
    uint32_t size = 0;
    struct ordo_bytes sealed = behind_tag(seal(a, 1, 2, 3, "card"));
    struct ordo_key key = key_of(1);
    for (uint32_t i = 0; i < sealed.size; i++) {
        a[ORDO_SEAL_TAG + i] ^= 1;
        cr_assert_eq(
            ordo_open_sealed(&key, 2, 3, sealed, out, &size), ORDO_ERR_DAMAGED, "byte %u", i);
        a[ORDO_SEAL_TAG + i] ^= 1;
    }
    for (uint32_t cut = 0; cut < sealed.size; cut++) {
        struct ordo_bytes part = {sealed.data, cut};
        cr_assert_eq(
            ordo_open_sealed(&key, 2, 3, part, out, &size), ORDO_ERR_DAMAGED, "cut %u", cut);
    }
}

Test(seal, refuses_an_empty_and_a_long_secret_and_a_full_writer)
{
    struct ordo_key key = key_of(1);
    uint8_t big[ORDO_SECRET_MAX + 1] = {0};
    uint8_t out[2 * ORDO_SEALED_MAX];
    struct ordo_writer w = ordo_writer_over(out, sizeof(out));
    cr_assert_eq(ordo_seal(&key, 0, 1, (struct ordo_bytes){big, 0}, &w), ORDO_ERR_INVALID);
    cr_assert_eq(ordo_seal(&key, 0, 1, (struct ordo_bytes){big, sizeof(big)}, &w), ORDO_ERR_LIMIT);
    w = ordo_writer_over(out, ORDO_SEAL_OVERHEAD + 3);
    cr_assert_eq(ordo_seal(&key, 0, 1, text("four"), &w), ORDO_ERR_FULL);
    cr_assert_eq(ordo_writer_size(&w), 0);
    cr_assert_not(w.failed);
}

Test(seal, has_bytes_that_never_change)
{
    /* Format 1 lies in journals for years: a change of these bytes needs a new format number. */
    static const uint8_t golden[] = {
        0x4b, 0x6f, 0xff, 0x31, 0x1f, 0xa3, 0xdb, 0x8c, 0x54, 0x2b, 0x80, 0xbd, 0xaf, 0x6d,
        0x8b, 0xf2, 0xae, 0x0e, 0x44, 0xdb, 0xd1, 0xb5, 0x28, 0x3a, 0xac, 0x96, 0xa4, 0xcf,
        0xa2, 0x21, 0x5f, 0x77, 0xe3, 0x7d, 0xde, 0x55, 0x09, 0x5b, 0x1d, 0xe1, 0xc8, 0x01,
        0xab, 0x78, 0x47, 0x4a, 0xf4, 0xb7, 0xa5, 0xc1, 0xa4, 0x42, 0x10, 0xb7, 0x16, 0x3d,
        0xc8, 0xd7, 0x79, 0xe0, 0x62, 0x23, 0xce, 0x60, 0x8b, 0x26, 0x0c, 0xf9, 0x8d, 0xaf,
    };
    uint8_t a[ORDO_SEALED_MAX];
    struct ordo_bytes sealed = seal(a, 0x42, 7, 1001, "ABCD-EFGH-0001");
    cr_assert_eq(sealed.size, sizeof(golden));
    cr_assert_eq(memcmp(sealed.data, golden, sizeof(golden)), 0);
}

/* ---- key files ---- */

struct folder {
    char path[64];
    char key[128];
};

static struct folder folder_make(void)
{
    struct folder f;
    strcpy(f.path, "/tmp/ordo-key-XXXXXX");
    cr_assert_not_null(mkdtemp(f.path));
    snprintf(f.key, sizeof(f.key), "%s/data.key", f.path);
    return f;
}

static void folder_remove(struct folder *f)
{
    unlink(f->key);
    cr_assert_eq(rmdir(f->path), 0, "nothing else was left in the folder");
}

static void write_key(const struct folder *f, const char *content, mode_t mode)
{
    unlink(f->key);
    FILE *file = fopen(f->key, "w");
    cr_assert_not_null(file);
    fputs(content, file);
    fclose(file);
    chmod(f->key, mode);
}

Test(key, is_made_once_with_mode_0400_and_loads_the_same_each_time)
{
    struct folder f = folder_make();
    struct ordo_fail fail;
    struct ordo_key a;
    struct ordo_key b;
    struct stat about;
    bool made = false;
    cr_assert_eq(ordo_key_load(f.key, &a, &fail), ORDO_ERR_NOT_FOUND);
    cr_assert_not_null(strstr(fail.text, f.key));
    cr_assert_eq(ordo_key_load_or_make(f.key, &a, &made, &fail), ORDO_OK, "%s", fail.text);
    cr_assert(made);
    cr_assert_eq(stat(f.key, &about), 0);
    cr_assert_eq(about.st_mode & 07777, 0400);
    cr_assert_eq(about.st_size, 65);
    cr_assert_eq(ordo_key_load_or_make(f.key, &b, &made, &fail), ORDO_OK);
    cr_assert_not(made);
    cr_assert_eq(memcmp(&a, &b, sizeof(a)), 0);
    cr_assert_eq(ordo_key_make(f.key, &fail), ORDO_ERR_EXISTS, "a key is never overwritten");
    cr_assert_eq(ordo_key_load(f.key, &b, &fail), ORDO_OK);
    cr_assert_eq(memcmp(&a, &b, sizeof(a)), 0);
    folder_remove(&f);
}

Test(key, that_others_may_read_is_refused)
{
    struct folder f = folder_make();
    struct ordo_fail fail;
    struct ordo_key key;
    char hex[66];
    memset(hex, 'a', 64);
    strcpy(hex + 64, "\n");
    static const mode_t refused[] = {0440, 0404, 0640, 0644, 0420};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        write_key(&f, hex, refused[i]);
        cr_assert_eq(ordo_key_load(f.key, &key, &fail), ORDO_ERR_CONFIG);
        cr_assert_not_null(strstr(fail.text, "chmod 0400"), "%s", fail.text);
    }
    write_key(&f, hex, 0400);
    cr_assert_eq(ordo_key_load(f.key, &key, &fail), ORDO_OK, "%s", fail.text);
    folder_remove(&f);
}

Test(key, that_is_no_key_is_refused_by_name)
{
    struct folder f = folder_make();
    struct ordo_fail fail;
    struct ordo_key key;
    char digits[200];
    memset(digits, '7', sizeof(digits));
    const int sizes[] = {0, 1, 63, 65, 66, 128};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char content[256];
        snprintf(content, sizeof(content), "%.*s\n", sizes[i], digits);
        write_key(&f, content, 0400);
        cr_assert_eq(ordo_key_load(f.key, &key, &fail), ORDO_ERR_CONFIG, "%d digits", sizes[i]);
        cr_assert_not_null(strstr(fail.text, f.key));
    }
    digits[10] = 'x';
    digits[64] = '\0';
    write_key(&f, digits, 0400);
    cr_assert_eq(ordo_key_load(f.key, &key, &fail), ORDO_ERR_CONFIG);
    folder_remove(&f);
    cr_assert_eq(ordo_key_load("/tmp", &key, &fail), ORDO_ERR_CONFIG, "a folder is no key");
}
