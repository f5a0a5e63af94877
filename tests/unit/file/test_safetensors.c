/* safetensors: what the format's own library takes is read, what it refuses is refused; and what we write, byte by
 * byte. */
#define _DEFAULT_SOURCE /* mkstemp */
#include "unit/file/bytes.h"

#include "file/safetensors.h"

#include <stdio.h>
#include <unistd.h>

struct read {
    uint8_t *data;
    struct hz_file_map map;
    struct hz_arena arena;
    struct hz_tensor_table table;
    struct hz_error err;
    hz_status status;
};

/* A file of that header (its length in front) and so many bytes of data, 0, 1, 2, ... */
static void make_file(struct hz_buf *b, const char *header, size_t len, size_t data_bytes)
{
    hz_buf_init(b, 1 << 28);
    put_u64(b, len);
    hz_buf_put(b, header, len);
    for (size_t i = 0; i < data_bytes; i++)
        hz_buf_putc(b, (char)i);
}

/* Frees b. */
static void read_bytes(struct hz_buf *b, struct read *r, hz_tensor_filter *wanted)
{
    size_t len;
    *r = (struct read){0};
    r->data = exact_bytes(b, &len);
    r->map = (struct hz_file_map){len ? r->data : NULL, len, NULL};
    r->status = hz_safetensors_read(&r->map, "x.safetensors", &r->arena, &r->table, wanted, NULL, &r->err);
}

static void release(struct read *r)
{
    hz_tensor_table_free(&r->table);
    hz_arena_free(&r->arena);
    free(r->data);
}

static void read_good(const char *header, size_t data_bytes, struct read *r)
{
    struct hz_buf b;
    make_file(&b, header, strlen(header), data_bytes);
    read_bytes(&b, r, NULL);
    if (r->status != HZ_OK)
        fail_msg("%s", r->err.text);
}

static void assert_good(const char *header, size_t data_bytes)
{
    struct read r;
    read_good(header, data_bytes, &r);
    release(&r);
}

static void refuse(const char *header, size_t data_bytes, hz_status status, const char *words)
{
    struct hz_buf b;
    struct read r;
    make_file(&b, header, strlen(header), data_bytes);
    read_bytes(&b, &r, NULL);
    assert_failed(r.status, &r.err, status, "x.safetensors", words, NULL);
    release(&r);
}

/* ---- what is right ---------------------------------------------------------------------------------------------- */

static void order_and_alignment_are_free(void **state)
{
    (void)state;
    struct read r;
    /* An f32 at an odd address, the header not in the data's order, blanks behind it. */
    read_good("{\"late\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[3,11]},"
              "\"early\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}  \n\t   ",
              11, &r);
    const struct hz_tensor *t = hz_tensor_find(&r.table, "late");
    assert_int_equal(r.table.n, 2);
    assert_string_equal(r.table.tensors[0].name, "late");
    assert_int_equal(t->type, HZ_F32);
    assert_int_equal(t->n_dims, 2);
    assert_int_equal(t->dims[0], 2);
    assert_int_equal(t->bytes, 8);
    assert_int_equal(t->data[0], 3);
    assert_ptr_equal(t->data + 8, r.data + r.map.size);
    assert_string_equal(t->file, "x.safetensors");
    assert_int_equal(hz_tensor_find(&r.table, "early")->data[2], 2);
    release(&r);
}

static void metadata_forms(void **state)
{
    (void)state;
    assert_good("{}", 0);
    assert_good("{\"__metadata__\":null}", 0);
    assert_good("{\"__metadata__\":{}}", 0);
    assert_good("{\"__metadata__\":{\"format\":\"pt\"}}", 0);
    refuse("{\"__metadata__\":{\"step\":12}}", 0, HZ_E_FORMAT, "'step' is an integer");
    refuse("{\"__metadata__\":[1]}", 0, HZ_E_FORMAT, "__metadata__ is an array");
}

static void every_dtype(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned bits;
        bool known;
    } types[] = {{"BOOL", 8, true},    {"F4", 4, true},       {"U8", 8, true},           {"I8", 8, true},
                 {"F8_E5M2", 8, true}, {"F8_E4M3", 8, true},  {"F8_E8M0", 8, true},      {"I16", 16, true},
                 {"U16", 16, true},    {"F16", 16, true},     {"BF16", 16, true},        {"I32", 32, true},
                 {"U32", 32, true},    {"F32", 32, true},     {"F64", 64, true},         {"I64", 64, true},
                 {"U64", 64, true},    {"F6_E2M3", 6, false}, {"F8_E4M3FNUZ", 8, false}, {"C64", 64, false}};
    for (size_t i = 0; i < HZ_COUNT(types); i++) {
        struct read r;
        char header[200];
        unsigned bytes = types[i].bits; /* 8 elements */
        snprintf(header, sizeof header, "{\"t\":{\"dtype\":\"%s\",\"shape\":[2,4],\"data_offsets\":[0,%u]}}",
                 types[i].name, bytes);
        read_good(header, bytes, &r);
        assert_string_equal(r.table.tensors[0].type_name, types[i].name);
        assert_int_equal(r.table.tensors[0].type != HZ_DTYPES, types[i].known);
        assert_int_equal(hz_tensor_elements(&r.table.tensors[0]), 8);
        release(&r);
    }
    /* GGUF's names are none here; three F4 do not end at a byte. */
    refuse("{\"t\":{\"dtype\":\"Q8_0\",\"shape\":[32],\"data_offsets\":[0,34]}}", 34, HZ_E_UNSUPPORTED,
           "unknown dtype 'Q8_0'");
    refuse("{\"t\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", 2, HZ_E_FORMAT, "F4 [3]");
}

static void scalars_and_empty_tensors(void **state)
{
    (void)state;
    struct read r;
    char shape[64];
    read_good("{\"none\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[4,4]},"
              "\"scalar\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}",
              4, &r);
    assert_int_equal(hz_tensor_elements(hz_tensor_find(&r.table, "none")), 0);
    assert_int_equal(hz_tensor_elements(hz_tensor_find(&r.table, "scalar")), 1);
    assert_string_equal(hz_tensor_shape(hz_tensor_find(&r.table, "scalar"), shape, sizeof shape), "F32 []");
    assert_string_equal(hz_tensor_shape(hz_tensor_find(&r.table, "none"), shape, sizeof shape), "F32 [0, 7]");
    assert_string_equal(hz_tensor_shape(hz_tensor_find(&r.table, "none"), shape, 7), "F32 [0");
    release(&r);
}

static bool wants_b(void *user, const char *name)
{
    (void)user;
    return !strcmp(name, "b");
}

static void filter(void **state)
{
    (void)state;
    struct hz_buf b;
    struct read r;
    static const char header[] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                                 "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}";
    make_file(&b, header, strlen(header), 2);
    read_bytes(&b, &r, wants_b);
    assert_int_equal(r.status, HZ_OK);
    assert_int_equal(r.table.n, 1);
    assert_null(hz_tensor_find(&r.table, "a"));
    /* The unwanted ones are checked all the same. */
    make_file(&b, header, strlen(header), 3);
    struct read again;
    read_bytes(&b, &again, wants_b);
    assert_failed(again.status, &again.err, HZ_E_FORMAT, "cover 2 of 3 bytes", NULL);
    release(&again);
    release(&r);
}

/* ---- what is refused -------------------------------------------------------------------------------------------- */

static void header_length(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {3, 100000001, UINT64_MAX, UINT64_MAX - 7, 1ull << 63};
    struct hz_buf b;
    struct read r;
    for (size_t i = 0; i < HZ_COUNT(lengths); i++) {
        hz_buf_init(&b, 100);
        put_u64(&b, lengths[i]);
        hz_buf_puts(&b, "{}");
        read_bytes(&b, &r, NULL);
        assert_failed(r.status, &r.err, HZ_E_FORMAT, "x.safetensors: not a safetensors file", NULL);
        release(&r);
    }
    for (size_t len = 0; len < 8; len++) {
        hz_buf_init(&b, 100);
        put_zeros(&b, len);
        read_bytes(&b, &r, NULL);
        assert_failed(r.status, &r.err, HZ_E_FORMAT, "not a safetensors file", len ? NULL : "empty", NULL);
        release(&r);
    }
    hz_buf_init(&b, 100);
    hz_buf_puts(&b, "version https://git-lfs.github.com/spec/v1\noid");
    read_bytes(&b, &r, NULL);
    assert_failed(r.status, &r.err, HZ_E_FORMAT, "Git LFS pointer", NULL);
    release(&r);
}

static void header_text(void **state)
{
    (void)state;
    refuse("", 0, HZ_E_FORMAT, "");
    refuse("[]", 0, HZ_E_FORMAT, "the header is an array");
    refuse("{}x", 0, HZ_E_FORMAT, ":1:3");
    refuse("{\"a\":", 0, HZ_E_FORMAT, "");
    refuse("{\"a\xff\":1}", 0, HZ_E_FORMAT, "UTF-8");
    refuse("{\"t\":3}", 0, HZ_E_FORMAT, "'t' is an integer, expected an object");
    refuse("{\"t\\u0000x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, HZ_E_FORMAT,
           "'t...' holds a NUL");
    struct hz_buf b;
    struct read r;
    make_file(&b, "{}\0\0", 4, 0);
    read_bytes(&b, &r, NULL);
    assert_failed(r.status, &r.err, HZ_E_FORMAT, NULL);
    release(&r);
}

static void duplicate_names(void **state)
{
    (void)state;
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
           "\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[2,2]},"
           "\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}}",
           2, HZ_E_FORMAT, "'a' stands twice");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
           "\"\\u0061\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}}",
           2, HZ_E_FORMAT, "equal behind their escapes");
    /* Names with quotes, backslashes and braces in them count once. */
    assert_good("{\"a\\\"{\\\\\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
                "\",\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
                "\"__metadata__\":{\",\":\"{\\\"\"}}",
                0);
}

static void entries(void **state)
{
    (void)state;
    static const struct {
        const char *entry;
        const char *words;
    } wrong[] = {
        {"{\"shape\":[4],\"data_offsets\":[0,4]}", "dtype is "},
        {"{\"dtype\":7,\"shape\":[4],\"data_offsets\":[0,4]}", "dtype is an integer"},
        {"{\"dtype\":\"U8\",\"data_offsets\":[0,4]}", "shape is "},
        {"{\"dtype\":\"U8\",\"shape\":4,\"data_offsets\":[0,4]}", "shape is an integer"},
        {"{\"dtype\":\"U8\",\"shape\":[4]}", "data_offsets"},
        {"{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0]}", "data_offsets"},
        {"{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4,4]}", "data_offsets"},
        {"{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[-4,0]}", "data_offsets"},
        {"{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4.0]}", "data_offsets"},
        {"{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,18446744073709551616]}", "data_offsets"},
        {"{\"dtype\":\"U8\",\"shape\":[-4],\"data_offsets\":[0,4]}", "shape[0]"},
        {"{\"dtype\":\"U8\",\"shape\":[4.5],\"data_offsets\":[0,4]}", "shape[0]"},
        {"{\"dtype\":\"U8\",\"shape\":[1,null],\"data_offsets\":[0,4]}", "shape[1]"},
        {"{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,9223372036854775807]}", "incomplete download"},
        {"{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,0]}", "lies at 4..0"},
        {"{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[0,4]}", "U8 [5]"},
        {"{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}", "2^63"},
        {"{\"dtype\":\"F64\",\"shape\":[4611686018427387904],\"data_offsets\":[0,4]}", "does not fill"},
        {"{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,4],\"data_offsets\":[0,4]}", "9 dimensions"},
        {"{\"dtype\":\"X7\",\"shape\":[4],\"data_offsets\":[0,4]}", "unknown dtype 'X7'"},
    };
    for (size_t i = 0; i < HZ_COUNT(wrong); i++) {
        struct hz_buf b;
        struct read r;
        char header[300];
        snprintf(header, sizeof header, "{\"t\":%s}", wrong[i].entry);
        make_file(&b, header, strlen(header), 4);
        read_bytes(&b, &r, NULL);
        if (r.status == HZ_OK)
            fail_msg("%s was taken", header);
        assert_failed(r.status, &r.err, r.status, "x.safetensors: ", "'t'", wrong[i].words, NULL);
        release(&r);
    }
}

static void data_cover(void **state)
{
    (void)state;
#define TWO(a, b, c, d)                                                                                                \
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[" #a "," #b "]},"                                        \
    "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[" #c "," #d "]}}"
    assert_good(TWO(2, 4, 0, 2), 4);
    refuse(TWO(0, 2, 2, 4), 5, HZ_E_FORMAT, "cover 4 of 5");
    refuse(TWO(0, 2, 3, 5), 5, HZ_E_FORMAT, "'b' begins at byte 3 of the data, expected 2");
    refuse(TWO(0, 2, 1, 3), 3, HZ_E_FORMAT, "'b' begins at byte 1 of the data, expected 2");
    refuse(TWO(0, 2, 0, 2), 2, HZ_E_FORMAT, "begins at byte 0 of the data, expected 2");
    refuse(TWO(1, 3, 3, 5), 5, HZ_E_FORMAT, "'a' begins at byte 1 of the data, expected 0");
    refuse(TWO(0, 2, 2, 4), 3, HZ_E_FORMAT, "'b' lies at 2..4 of 3 bytes");
    refuse("{}", 1, HZ_E_FORMAT, "cover 0 of 1");
#undef TWO
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void write_and_read(void **state)
{
    (void)state;
    static const char header[] = "{\"z\": {\"dtype\": \"F32\", \"shape\": [1, 2], \"data_offsets\": [0, 8]}, "
                                 "\"b\": {\"dtype\": \"BF16\", \"shape\": [], \"data_offsets\": [8, 10]}, "
                                 "\"a\\\"\": {\"dtype\": \"U8\", \"shape\": [3], \"data_offsets\": [10, 13]}}";
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
    const struct hz_tensor tensors[] = {
        {.name = "a\"", .type = HZ_U8, .n_dims = 1, .dims = {3}, .data = bytes + 10, .bytes = 3},
        {.name = "b", .type = HZ_BF16, .data = bytes + 8, .bytes = 2},
        {.name = "z", .type = HZ_F32, .n_dims = 2, .dims = {1, 2}, .data = bytes, .bytes = 8},
    };
    char path[] = "/tmp/hz_test_safetensors_XXXXXX";
    struct hz_error err;
    struct hz_file_map map;
    struct hz_arena arena = {0};
    struct hz_tensor_table table = {0};
    close(mkstemp(path));
    assert_int_equal(hz_safetensors_write(path, tensors, HZ_COUNT(tensors), &err), HZ_OK);
    assert_int_equal(hz_file_map(path, &map, &err), HZ_OK);
    size_t padded = (strlen(header) + 7) / 8 * 8;
    assert_int_equal(map.size, 8 + padded + sizeof bytes);
    assert_int_equal(map.data[0] | map.data[1] << 8, padded);
    assert_memory_equal(map.data + 8, header, strlen(header));
    for (size_t i = strlen(header); i < padded; i++)
        assert_int_equal(map.data[8 + i], ' ');
    assert_memory_equal(map.data + 8 + padded, bytes, sizeof bytes);
    assert_int_equal(hz_safetensors_read(&map, path, &arena, &table, NULL, NULL, &err), HZ_OK);
    assert_int_equal(table.n, 3);
    hz_tensor_table_free(&table);
    hz_arena_free(&arena);
    hz_file_unmap(&map);
    unlink(path);
}

static void refuse_to_write(struct hz_tensor second, hz_status status, const char *words)
{
    static const uint8_t bytes[64];
    char path[64];
    struct hz_error err = {0};
    second.data = bytes;
    const struct hz_tensor tensors[] = {
        {.name = "a", .type = HZ_U8, .n_dims = 1, .dims = {3}, .data = bytes, .bytes = 3}, second};
    snprintf(path, sizeof path, "/tmp/hz_test_unwritten_%ld", (long)getpid());
    assert_failed(hz_safetensors_write(path, tensors, 2, &err), &err, status, path, words, NULL);
    assert_int_equal(hz_file_kind(path), HZ_FILE_MISSING);
}

static void what_cannot_be_written(void **state)
{
    (void)state;
    refuse_to_write((struct hz_tensor){.name = "a", .type = HZ_F32, .n_dims = 1, .dims = {1}, .bytes = 4}, HZ_E_INVALID,
                    "'a' is taken");
    refuse_to_write((struct hz_tensor){.name = "__metadata__", .type = HZ_U8, .bytes = 1}, HZ_E_INVALID, "is taken");
    refuse_to_write((struct hz_tensor){.name = "q", .type = HZ_Q4_0, .n_dims = 1, .dims = {32}, .bytes = 18},
                    HZ_E_UNSUPPORTED, "'q'");
    refuse_to_write((struct hz_tensor){.name = "q", .type = HZ_DTYPES, .bytes = 1}, HZ_E_UNSUPPORTED, "'q'");
    refuse_to_write((struct hz_tensor){.name = "q", .type = HZ_U8, .n_dims = 1, .dims = {3}, .bytes = 4}, HZ_E_INVALID,
                    "4 bytes");
    struct hz_error err;
    assert_int_equal(hz_safetensors_write("/nonexistent/x.safetensors", NULL, 0, &err), HZ_E_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_and_alignment_are_free),
        cmocka_unit_test(metadata_forms),
        cmocka_unit_test(every_dtype),
        cmocka_unit_test(scalars_and_empty_tensors),
        cmocka_unit_test(filter),
        cmocka_unit_test(header_length),
        cmocka_unit_test(header_text),
        cmocka_unit_test(duplicate_names),
        cmocka_unit_test(entries),
        cmocka_unit_test(data_cover),
        cmocka_unit_test(write_and_read),
        cmocka_unit_test(what_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
