/* The ground under everything: error words, checked arithmetic, arena, buffer, cursor, map, files. */
#include "base/buf.h"
#include "base/checked.h"
#include "base/cursor.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/os/file.h"
#include "base/os/sys.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void error_words(void **state)
{
    (void)state;
    struct hz_error err;
    assert_int_equal(hz_fail(&err, HZ_E_FORMAT, "tensor %s: a\nb", "x"), HZ_E_FORMAT);
    assert_string_equal(err.text, "tensor x: a?b"); /* one line stays one line */
    assert_int_equal(hz_fail_in(&err, err.status, "file %d", 7), HZ_E_FORMAT);
    assert_string_equal(err.text, "file 7: tensor x: a?b");
    assert_int_equal(hz_fail(NULL, HZ_E_IO, "nobody listens"), HZ_E_IO);
    char longer[3000];
    memset(longer, 'y', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    hz_fail(&err, HZ_E_LIMIT, "%s", longer);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_string_equal(hz_status_name(HZ_E_LIMIT), "E_LIMIT");
    assert_string_equal(hz_status_name(12345), "?");
}

static void checked_arithmetic(void **state)
{
    (void)state;
    uint64_t out = 42;
    assert_false(hz_add_u64(UINT64_MAX, 1, &out));
    assert_false(hz_mul_u64(1ull << 33, 1ull << 31, &out));
    assert_false(hz_round_up_u64(UINT64_MAX - 2, 32, &out));
    assert_int_equal(out, 42); /* untouched */
    assert_true(hz_mul_u64(0, UINT64_MAX, &out) && out == 0);
    assert_true(hz_round_up_u64(33, 32, &out) && out == 64);
    assert_true(hz_round_up_u64(64, 32, &out) && out == 64);
    assert_null(hz_realloc(NULL, SIZE_MAX / 2, 4));
    assert_null(hz_calloc(SIZE_MAX / 2, 4));
}

static void arena(void **state)
{
    (void)state;
    struct hz_arena a = {0};
    char *small = hz_arena_strndup(&a, "abcdef", 3);
    unsigned char *large = hz_arena_alloc(&a, 3 << 20, 1);
    char *text = hz_arena_printf(&a, "layer %d", 12);
    assert_string_equal(small, "abc");
    assert_string_equal(text, "layer 12");
    assert_int_equal((uintptr_t)large % 16, 0);
    for (size_t i = 0; i < 3 << 20; i++)
        assert_int_equal(large[i], 0);
    memset(large, 255, 3 << 20);
    unsigned char *next = hz_arena_alloc(&a, 1000, 8);
    for (size_t i = 0; i < 8000; i++)
        assert_int_equal(next[i], 0);
    assert_string_equal(small, "abc");
    assert_null(hz_arena_alloc(&a, SIZE_MAX / 4, 8));
    hz_arena_free(&a);
    assert_null(a.head);
}

static void aligned_memory(void **state)
{
    (void)state;
    size_t sizes[] = {0, 1, 100, 65536, (2 << 20) - 1, 2 << 20, (5 << 20) + 7};
    for (size_t i = 0; i < HZ_COUNT(sizes); i++) {
        unsigned char *p = hz_alloc_aligned(sizes[i]);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t k = 0; k < sizes[i]; k += 61)
            assert_int_equal(p[k], 0);
        memset(p, 1, sizes[i]);
        hz_free_aligned(p, sizes[i]);
    }
}

static void buffer(void **state)
{
    (void)state;
    struct hz_buf b;
    struct hz_error err;
    hz_buf_init(&b, 10);
    hz_buf_printf(&b, "%d-%s", 12, "ab");
    assert_string_equal(b.data, "12-ab");
    hz_buf_puts(&b, "12345");
    assert_int_equal(hz_buf_check(&b, "text", &err), HZ_OK);
    hz_buf_putc(&b, 'x'); /* one too many */
    assert_true(b.failed);
    hz_buf_putc(&b, 'y');
    assert_string_equal(b.data, "12-ab12345");
    assert_int_equal(hz_buf_check(&b, "text", &err), HZ_E_LIMIT);
    assert_null(hz_buf_take(&b, NULL));
    size_t len = 9;
    char *empty = hz_buf_take(&b, &len);
    assert_string_equal(empty, "");
    assert_int_equal(len, 0);
    free(empty);
    hz_buf_free(&b);
}

static void cursor(void **state)
{
    (void)state;
    const uint8_t bytes[] = {1, 2, 3, 4, 0, 0, 128, 63};
    struct hz_cursor c = hz_cursor_of(bytes, sizeof bytes);
    assert_int_equal(hz_cursor_u32(&c), 0x04030201);
    assert_true(hz_cursor_f32(&c) == 1.0f);
    assert_false(c.failed);
    assert_int_equal(hz_cursor_u8(&c), 0);
    assert_true(c.failed);
    c = hz_cursor_of(bytes, sizeof bytes);
    assert_null(hz_cursor_bytes(&c, UINT64_MAX));
    assert_true(c.failed);
    assert_null(hz_cursor_bytes(&c, 1)); /* after a failure nothing more */
    assert_int_equal(c.at, 0);
}

static void map(void **state)
{
    (void)state;
    enum { N = 5000 };
    static char keys[N][12];
    struct hz_map m = {0};
    uint32_t value = 7;
    assert_false(hz_map_get(&m, "a", 1, &value));
    for (uint32_t i = 0; i < N; i++) {
        snprintf(keys[i], sizeof keys[i], "key%u", i);
        assert_true(hz_map_put(&m, keys[i], strlen(keys[i]), i));
    }
    assert_int_equal(m.n, N);
    for (uint32_t i = 0; i < N; i++)
        assert_true(hz_map_get(&m, keys[i], strlen(keys[i]), &value) && value == i);
    assert_true(hz_map_put(&m, "key17", 5, 99));
    assert_int_equal(m.n, N);
    assert_true(hz_map_get(&m, "key17", 5, &value) && value == 99);
    assert_false(hz_map_get(&m, "key17x", 6, &value));
    assert_true(hz_map_put(&m, "a\0b", 3, 1) && hz_map_put(&m, "", 0, 2)); /* NULs and nothing are keys too */
    assert_true(hz_map_get(&m, "a\0b", 3, &value) && value == 1);
    assert_true(hz_map_get(&m, "", 0, &value) && value == 2);
    hz_map_free(&m);
}

static void files(void **state)
{
    (void)state;
    struct hz_error err;
    struct hz_file_writer *w;
    struct hz_file_map m;
    char path[64], *data;
    size_t len;
    snprintf(path, sizeof path, "/tmp/hz-test-%llx", (unsigned long long)hz_random_u64());
    assert_int_equal(hz_file_map(path, &m, &err), HZ_E_NOTFOUND);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(hz_file_map("/tmp", &m, &err), HZ_E_INVALID);
    assert_non_null(strstr(err.text, "a folder"));
    assert_int_equal(hz_file_create(path, &w, &err), HZ_OK);
    assert_int_equal(hz_file_write(w, "hello", 5, &err), HZ_OK);
    assert_int_equal(hz_file_kind(path), HZ_FILE_MISSING); /* not before it is whole */
    assert_int_equal(hz_file_finish(w, true, &err), HZ_OK);
    assert_int_equal(hz_file_read(path, 4, &data, &len, &err), HZ_E_LIMIT);
    assert_int_equal(hz_file_read(path, 5, &data, &len, &err), HZ_OK);
    assert_string_equal(data, "hello");
    free(data);
    assert_int_equal(hz_file_map(path, &m, &err), HZ_OK);
    assert_memory_equal(m.data, "hello", 5);
    hz_file_dont_need(m.data, m.size);
    assert_memory_equal(m.data, "hello", 5);
    hz_file_unmap(&m);
    assert_int_equal(hz_file_create(path, &w, &err), HZ_OK);
    assert_int_equal(hz_file_write(w, "other", 5, &err), HZ_OK);
    assert_int_equal(hz_file_finish(w, false, &err), HZ_OK); /* thrown away: the old one stays */
    assert_int_equal(hz_file_read(path, 5, &data, &len, &err), HZ_OK);
    assert_string_equal(data, "hello");
    free(data);
    remove(path);
    assert_int_equal(hz_file_create("/nonexistent/x", &w, &err), HZ_E_NOTFOUND);
}

static void machine(void **state)
{
    (void)state;
    assert_in_range(hz_cpu_cores(), 1, hz_cpu_count());
    assert_true(hz_memory_total() > 1 << 20);
    assert_true(hz_clock() <= hz_clock());
    assert_true(hz_random_u64() != hz_random_u64());
    int now[8];
    hz_clock_local(now);
    assert_in_range(now[1], 1, 12);
    assert_in_range(now[6], 0, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_words), cmocka_unit_test(checked_arithmetic),
        cmocka_unit_test(arena),       cmocka_unit_test(aligned_memory),
        cmocka_unit_test(buffer),      cmocka_unit_test(cursor),
        cmocka_unit_test(map),         cmocka_unit_test(files),
        cmocka_unit_test(machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
