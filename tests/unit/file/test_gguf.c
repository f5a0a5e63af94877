/* GGUF from memory: every value type, the rules of alignment and layout, and every kind of damage that files were
 * reported with. */
#include "unit/file/bytes.h"

#include <math.h>

struct parsed {
    uint8_t *data;
    size_t len;
    struct hz_arena arena;
    struct hz_gguf g;
    struct hz_tensor_table table;
    struct hz_error err;
    hz_status status;
};

/* Frees b. */
static void parse(struct hz_buf *b, struct parsed *p)
{
    *p = (struct parsed){0};
    p->data = exact_bytes(b, &p->len);
    p->status = hz_gguf_parse(p->data, p->len, "x.gguf", &p->arena, &p->g, &p->table, &p->err);
}

static void release(struct parsed *p)
{
    hz_gguf_free(&p->g);
    hz_tensor_table_free(&p->table);
    hz_arena_free(&p->arena);
    free(p->data);
}

static void parse_good(struct hz_buf *b, struct parsed *p)
{
    parse(b, p);
    if (p->status != HZ_OK)
        fail_msg("%s", p->err.text);
}

static void assert_refused(struct hz_buf *b, hz_status status, const char *words, const char *more)
{
    struct parsed p;
    parse(b, &p);
    assert_failed(p.status, &p.err, status, "x.gguf: ", words, more, NULL);
    release(&p);
}

/* ---- what is right ---------------------------------------------------------------------------------------------- */

static void every_value_type(void **state)
{
    (void)state;
    static const enum hz_meta_type order[] = {HZ_META_U8,  HZ_META_I8,  HZ_META_U16, HZ_META_I16,
                                              HZ_META_U32, HZ_META_I32, HZ_META_F32, HZ_META_BOOL,
                                              HZ_META_U64, HZ_META_I64, HZ_META_F64};
    static const unsigned sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 8, 8};
    static const uint64_t raw[] = {200,        0xfe, 60000,      0xfffe,         4000000000u,        0xfffffffe,
                                   0x3fc00000, 1,    1ull << 63, UINT64_MAX - 1, 0x3ff8000000000000u};
    static const double values[] = {200, -2, 60000, -2, 4e9, -2, 1.5, 1, 9223372036854775808.0, -2, 1.5};
    struct hz_buf b;
    struct parsed p;
    gguf_head(&b, 3, 0, HZ_COUNT(order) + 1);
    for (size_t i = 0; i < HZ_COUNT(order); i++) {
        gguf_key(&b, hz_meta_type_name(order[i]), order[i]);
        put_number(&b, raw[i], sizes[i]);
    }
    gguf_key(&b, "string", HZ_META_STRING);
    put_bytes(&b, "a\0\xc3\xa9", 4);
    parse_good(&b, &p);
    for (size_t i = 0; i < HZ_COUNT(order); i++) {
        const struct hz_meta *m = hz_gguf_get(&p.g, hz_meta_type_name(order[i]));
        double f = 0;
        int64_t n = 0;
        bool is_bool = order[i] == HZ_META_BOOL, truth = false;
        bool is_whole = order[i] != HZ_META_F32 && order[i] != HZ_META_F64 && order[i] != HZ_META_U64;
        assert_non_null(m);
        assert_int_equal(m->type, order[i]);
        assert_int_equal(hz_meta_double(m, &f), !is_bool);
        assert_int_equal(hz_meta_bool(m, &truth), is_bool);
        assert_int_equal(hz_meta_int(m, &n), is_whole); /* 2^63 does not fit */
        assert_true(is_bool ? truth : f == values[i]);
        assert_true(!is_whole || (double)n == values[i]);
    }
    const struct hz_meta *m = hz_gguf_get(&p.g, "string");
    int64_t n;
    assert_int_equal(m->v.str.len, 4);
    assert_memory_equal(m->v.str.s, "a\0\xc3\xa9", 4);
    assert_false(hz_meta_int(m, &n) || hz_meta_int(NULL, &n));
    assert_null(hz_gguf_get(&p.g, "strin"));
    release(&p);
}

static void arrays(void **state)
{
    (void)state;
    struct hz_buf b;
    struct parsed p;
    gguf_head(&b, 2, 0, 5);
    gguf_key(&b, "ints", HZ_META_ARRAY);
    put_u32(&b, HZ_META_I16);
    put_u64(&b, 3);
    for (int i = 0; i < 3; i++)
        put_number(&b, (uint64_t)(i - 1), 2);
    gguf_key(&b, "strings", HZ_META_ARRAY);
    put_u32(&b, HZ_META_STRING);
    put_u64(&b, 3);
    put_str(&b, "a");
    put_str(&b, "");
    put_str(&b, "\xe2\x96\x81of");
    gguf_key(&b, "empty", HZ_META_ARRAY);
    put_u32(&b, HZ_META_F32);
    put_u64(&b, 0);
    gguf_key(&b, "nested", HZ_META_ARRAY);
    put_u32(&b, HZ_META_ARRAY);
    put_u64(&b, 2);
    for (int i = 0; i < 2; i++) {
        put_u32(&b, HZ_META_U8);
        put_u64(&b, 1);
        hz_buf_putc(&b, 7);
    }
    gguf_string(&b, "last", "");
    parse_good(&b, &p);

    const struct hz_meta *m = hz_gguf_get(&p.g, "ints");
    struct hz_cursor c = hz_meta_elements(m);
    struct hz_str s;
    int64_t n;
    double f;
    assert_true(hz_meta_next_int(m, &c, &n) && n == -1);
    assert_true(hz_meta_next_double(m, &c, &f) && f == 0);
    assert_false(hz_meta_next_str(m, &c, &s));
    assert_true(hz_meta_next_int(m, &c, &n) && n == 1);
    assert_false(hz_meta_next_int(m, &c, &n));
    m = hz_gguf_get(&p.g, "strings");
    c = hz_meta_elements(m);
    assert_true(hz_meta_next_str(m, &c, &s) && s.len == 1 && *s.s == 'a');
    assert_true(hz_meta_next_str(m, &c, &s) && s.len == 0);
    assert_true(hz_meta_next_str(m, &c, &s) && s.len == 5);
    assert_false(hz_meta_next_str(m, &c, &s) || hz_meta_next_int(m, &c, &n));
    m = hz_gguf_get(&p.g, "empty");
    c = hz_meta_elements(m);
    assert_int_equal(m->v.array.n, 0);
    assert_false(hz_meta_next_double(m, &c, &f));
    m = hz_gguf_get(&p.g, "nested");
    c = hz_meta_elements(m);
    assert_int_equal(m->v.array.n, 2);
    assert_int_equal(m->v.array.bytes, 2 * 13);
    assert_false(hz_meta_next_int(m, &c, &n) || hz_meta_next_str(m, &c, &s));
    m = hz_gguf_get(&p.g, "last");
    c = hz_meta_elements(m);
    assert_false(hz_meta_next_str(m, &c, &s));
    release(&p);
}

static void hundreds_of_thousands_of_strings(void **state)
{
    (void)state;
    struct hz_buf b;
    struct parsed p;
    struct hz_str s;
    size_t n = 0;
    gguf_head(&b, 3, 0, 1);
    gguf_key(&b, "unknown.key", HZ_META_ARRAY);
    put_u32(&b, HZ_META_STRING);
    put_u64(&b, 300000);
    for (int i = 0; i < 300000; i++)
        put_bytes(&b, "token", (size_t)i % 6);
    parse_good(&b, &p);
    const struct hz_meta *m = hz_gguf_get(&p.g, "unknown.key");
    struct hz_cursor c = hz_meta_elements(m);
    while (hz_meta_next_str(m, &c, &s))
        n++;
    assert_int_equal(n, 300000);
    assert_true(p.arena.total < 4096); /* nothing copied */
    release(&p);
}

/* Two tensors out of order and with a gap between them, behind an alignment that is the default or another. */
static void layout_with(uint32_t alignment, bool written)
{
    struct hz_buf b;
    struct parsed p;
    gguf_head(&b, 3, 3, written);
    if (written)
        gguf_u32(&b, "general.alignment", alignment);
    gguf_tensor(&b, "b", 2, (uint64_t[]){2, 3}, 0, 3 * (uint64_t)alignment);
    gguf_tensor(&b, "a", 1, (uint64_t[]){32}, 2, 0);
    gguf_tensor(&b, "scalar", 0, NULL, 30, (uint64_t)alignment * 2);
    pad_to(&b, alignment);
    size_t start = b.len;
    put_zeros(&b, 3 * alignment + 24);
    parse_good(&b, &p);
    const struct hz_tensor *t = hz_tensor_find(&p.table, "b");
    assert_int_equal(p.table.n, 3);
    assert_ptr_equal(t->data, p.data + start + 3 * alignment);
    assert_int_equal(t->bytes, 24);
    assert_int_equal(t->n_dims, 2);
    assert_int_equal(t->dims[0], 3); /* outermost first */
    assert_int_equal(t->dims[1], 2);
    assert_string_equal(t->file, "x.gguf");
    t = hz_tensor_find(&p.table, "a");
    assert_ptr_equal(t->data, p.data + start);
    assert_int_equal(t->type, HZ_Q4_0);
    assert_int_equal(t->bytes, 18);
    t = hz_tensor_find(&p.table, "scalar");
    assert_int_equal(hz_tensor_elements(t), 1);
    assert_int_equal(t->bytes, 2);
    assert_null(hz_tensor_find(&p.table, "c"));
    release(&p);
}

static void layout(void **state)
{
    (void)state;
    layout_with(32, false);
    layout_with(32, true);
    layout_with(8, true);
    layout_with(24, true);
    layout_with(4096, true);
}

static void vocabulary_only(void **state)
{
    (void)state;
    struct hz_buf b;
    struct parsed p;
    gguf_head(&b, 3, 0, 1);
    gguf_string(&b, "general.architecture", "llama");
    parse_good(&b, &p); /* ends before the data would begin */
    assert_int_equal(p.table.n, 0);
    release(&p);
}

static void type_sized_but_not_read(void **state)
{
    (void)state;
    struct hz_buf b;
    struct parsed p;
    char shape[64];
    gguf_head(&b, 3, 1, 0);
    gguf_tensor(&b, "x", 2, (uint64_t[]){256, 2}, 16, 0);
    pad_to(&b, 32);
    put_zeros(&b, 132);
    parse_good(&b, &p);
    assert_int_equal(p.table.tensors[0].type, HZ_DTYPES);
    assert_int_equal(p.table.tensors[0].bytes, 132);
    assert_string_equal(hz_tensor_shape(&p.table.tensors[0], shape, sizeof shape), "IQ2_XXS [2, 256]");
    release(&p);
}

/* Every prefix of a good file is refused, without a read behind its end, except those that only cut padding. */
static void every_truncation(void **state)
{
    (void)state;
    struct hz_buf b, cut;
    struct parsed p;
    gguf_head(&b, 3, 1, 3);
    gguf_string(&b, "s", "some");
    gguf_u32(&b, "u", 1);
    gguf_key(&b, "a", HZ_META_ARRAY);
    put_u32(&b, HZ_META_STRING);
    put_u64(&b, 2);
    put_str(&b, "x");
    put_str(&b, "yz");
    gguf_tensor(&b, "t", 1, (uint64_t[]){2}, 0, 0);
    pad_to(&b, 32);
    put_zeros(&b, 8);
    for (size_t len = 0; len <= b.len; len++) {
        hz_buf_init(&cut, 1 << 20);
        hz_buf_put(&cut, b.data, len);
        parse(&cut, &p);
        if (p.status != (len == b.len ? HZ_OK : HZ_E_FORMAT))
            fail_msg("%zu of %zu bytes: %d %s", len, b.len, p.status, p.err.text);
        release(&p);
    }
    hz_buf_free(&b);
}

/* ---- what is refused -------------------------------------------------------------------------------------------- */

static void headers(void **state)
{
    (void)state;
    struct hz_buf b;
    static const uint32_t versions[] = {0, 1, 4, 1000};
    static const char *const words[] = {"version 0, expected 2 or 3", "version 1, ", "version 4, ", "version 1000, "};
    for (size_t i = 0; i < HZ_COUNT(versions); i++) {
        gguf_head(&b, versions[i], 0, 0);
        assert_refused(&b, HZ_E_UNSUPPORTED, words[i], "");
    }
    gguf_head(&b, 0x03000000, 0, 0);
    assert_refused(&b, HZ_E_UNSUPPORTED, "big-endian", "");
    hz_buf_init(&b, 100);
    assert_refused(&b, HZ_E_FORMAT, "not a GGUF", "empty");
    hz_buf_init(&b, 100);
    hz_buf_puts(&b, "version https://git-lfs.github.com/spec/v1\n");
    assert_refused(&b, HZ_E_FORMAT, "not a GGUF", "LFS pointer");
    hz_buf_init(&b, 100);
    hz_buf_puts(&b, "tjgg\3");
    assert_refused(&b, HZ_E_FORMAT, "not a GGUF", "older than GGUF");
    gguf_head(&b, 3, 1ull << 60, 0);
    assert_refused(&b, HZ_E_FORMAT, "tensors cannot be listed", "");
    gguf_head(&b, 3, 0, UINT64_MAX);
    assert_refused(&b, HZ_E_FORMAT, "metadata entries cannot lie", "");
}

static void metadata(void **state)
{
    (void)state;
    struct hz_buf b;
    gguf_head(&b, 3, 0, 1);
    gguf_key(&b, "k", (enum hz_meta_type)13);
    put_u64(&b, 0);
    assert_refused(&b, HZ_E_UNSUPPORTED, "'k'", "value type 13");
    gguf_head(&b, 3, 0, 2);
    gguf_u32(&b, "twin", 1);
    gguf_u32(&b, "twin", 2);
    assert_refused(&b, HZ_E_FORMAT, "'twin'", "twice");
    gguf_head(&b, 3, 0, 1);
    gguf_key(&b, "k", HZ_META_BOOL);
    hz_buf_putc(&b, 2);
    assert_refused(&b, HZ_E_FORMAT, "'k'", "neither 0 nor 1");
    gguf_head(&b, 3, 0, 1);
    put_u64(&b, UINT64_MAX); /* a key that long */
    put_zeros(&b, 40);
    assert_refused(&b, HZ_E_FORMAT, "ends inside metadata", "1 of 1");
    gguf_head(&b, 3, 0, 1);
    gguf_key(&b, "k", HZ_META_STRING);
    put_u64(&b, 1ull << 63);
    put_zeros(&b, 40);
    assert_refused(&b, HZ_E_FORMAT, "'k'", "passes the end");
}

static void array_sizes(void **state)
{
    (void)state;
    static const uint64_t counts[] = {1ull << 60, UINT64_MAX, UINT64_MAX / 8 + 1, 100};
    struct hz_buf b;
    for (size_t i = 0; i < HZ_COUNT(counts); i++)
        for (uint32_t type = 0; type < HZ_META_TYPES; type++) {
            gguf_head(&b, 3, 0, 1);
            gguf_key(&b, "k", HZ_META_ARRAY);
            put_u32(&b, type);
            put_u64(&b, counts[i]);
            put_zeros(&b, 20);
            assert_refused(&b, HZ_E_FORMAT, "'k'", "passes the end");
        }
    gguf_head(&b, 3, 0, 1);
    gguf_key(&b, "k", HZ_META_ARRAY);
    put_u32(&b, 77);
    put_u64(&b, 1);
    put_zeros(&b, 20);
    assert_refused(&b, HZ_E_UNSUPPORTED, "'k'", "value type 77");
    gguf_head(&b, 3, 0, 1);
    gguf_key(&b, "k", HZ_META_ARRAY);
    for (int depth = 0; depth < 1000; depth++) {
        put_u32(&b, HZ_META_ARRAY);
        put_u64(&b, 1);
    }
    assert_refused(&b, HZ_E_LIMIT, "'k'", "deeper");
}

static void alignments(void **state)
{
    (void)state;
    static const uint32_t wrong[] = {0, 1, 4, 12, 33};
    struct hz_buf b;
    for (size_t i = 0; i < HZ_COUNT(wrong); i++) {
        gguf_head(&b, 3, 0, 1);
        gguf_u32(&b, "general.alignment", wrong[i]);
        put_zeros(&b, 64);
        assert_refused(&b, HZ_E_FORMAT, "general.alignment is ", "multiple of 8");
    }
    gguf_head(&b, 3, 0, 1);
    gguf_key(&b, "general.alignment", HZ_META_I32);
    put_u32(&b, 64);
    assert_refused(&b, HZ_E_FORMAT, "general.alignment is of type i32", "u32");
}

/* One tensor called "t" in a file with 64 bytes of data. */
static void tensor_refused(uint32_t n, const uint64_t *dims, uint32_t type, uint64_t offset, hz_status status,
                           const char *words)
{
    struct hz_buf b;
    gguf_head(&b, 3, 1, 0);
    gguf_tensor(&b, "t", n, dims, type, offset);
    pad_to(&b, 32);
    put_zeros(&b, 64);
    assert_refused(&b, status, "'t'", words);
}

static void tensors(void **state)
{
    (void)state;
    tensor_refused(5, (uint64_t[]){1, 1, 1, 1, 1}, 0, 0, HZ_E_FORMAT, "5 dimensions");
    tensor_refused(1, (uint64_t[]){0}, 0, 0, HZ_E_FORMAT, "dimension of 0");
    tensor_refused(2, (uint64_t[]){1ull << 32, 1ull << 31}, 0, 0, HZ_E_FORMAT, "2^63");
    tensor_refused(2, (uint64_t[]){1ull << 32, 1ull << 32}, 0, 0, HZ_E_FORMAT, "2^63");
    tensor_refused(1, (uint64_t[]){INT64_MAX}, 0, 0, HZ_E_FORMAT, "2^64 bytes");
    tensor_refused(1, (uint64_t[]){1ull << 60}, 24, 0, HZ_E_FORMAT, "end of the file (");
    tensor_refused(1, (uint64_t[]){17}, 0, 0, HZ_E_FORMAT, "end of the file (");
    tensor_refused(1, (uint64_t[]){16}, 0, 32, HZ_E_FORMAT, "end of the file (");
    tensor_refused(1, (uint64_t[]){1}, 0, UINT64_MAX - 31, HZ_E_FORMAT, "end of the file (");
    tensor_refused(1, (uint64_t[]){1}, 0, 33, HZ_E_FORMAT, "not a multiple of the alignment 32");
    tensor_refused(1, (uint64_t[]){33}, 2, 0, HZ_E_FORMAT, "multiple of Q4_0's 32");
    tensor_refused(0, NULL, 12, 0, HZ_E_FORMAT, "multiple of Q4_K's 256");
    tensor_refused(1, (uint64_t[]){4}, 99, 0, HZ_E_UNSUPPORTED, "unknown type id 99");
    tensor_refused(1, (uint64_t[]){4}, UINT32_MAX, 0, HZ_E_UNSUPPORTED, "unknown type id 4294967295");
    tensor_refused(1, (uint64_t[]){4}, 4, 0, HZ_E_UNSUPPORTED, "Q4_2");
    struct hz_buf b;
    gguf_head(&b, 3, 2, 0);
    gguf_tensor(&b, "twin", 1, (uint64_t[]){4}, 0, 0);
    gguf_tensor(&b, "twin", 1, (uint64_t[]){4}, 0, 32);
    put_zeros(&b, 128);
    assert_refused(&b, HZ_E_FORMAT, "'twin'", "twice");
    gguf_head(&b, 3, 1, 0);
    put_bytes(&b, "a\0b", 3);
    put_zeros(&b, 128);
    assert_refused(&b, HZ_E_FORMAT, "name of tensor 1", "NUL");
}

/* A name of 10,000 bytes with control characters still makes one short line. */
static void long_names_in_errors(void **state)
{
    (void)state;
    struct hz_buf b;
    char name[10001];
    memset(name, '\n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    gguf_head(&b, 3, 1, 0);
    gguf_tensor(&b, name, 1, (uint64_t[]){4}, 99, 0);
    assert_refused(&b, HZ_E_UNSUPPORTED, "tensor '????", "unknown type id 99");
    gguf_head(&b, 3, 0, 1);
    gguf_key(&b, name, (enum hz_meta_type)99);
    put_zeros(&b, 8);
    assert_refused(&b, HZ_E_UNSUPPORTED, "'????", "value type 99");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_type),
        cmocka_unit_test(arrays),
        cmocka_unit_test(hundreds_of_thousands_of_strings),
        cmocka_unit_test(layout),
        cmocka_unit_test(vocabulary_only),
        cmocka_unit_test(type_sized_but_not_read),
        cmocka_unit_test(every_truncation),
        cmocka_unit_test(headers),
        cmocka_unit_test(metadata),
        cmocka_unit_test(array_sizes),
        cmocka_unit_test(alignments),
        cmocka_unit_test(tensors),
        cmocka_unit_test(long_names_in_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
