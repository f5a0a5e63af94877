/* Every dequantizer and quantizer against the package that publishes the format: tests/data/quant/make.py. */
#include "base/os/file.h"
#include "quant/quant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct vectors {
    enum hz_dtype type;
    const char *name;
} vectors[] = {
    {HZ_F16, "f16"},   {HZ_BF16, "bf16"}, {HZ_Q4_0, "q4_0"}, {HZ_Q4_1, "q4_1"}, {HZ_Q5_0, "q5_0"},
    {HZ_Q5_1, "q5_1"}, {HZ_Q8_0, "q8_0"}, {HZ_Q2_K, "q2_k"}, {HZ_Q3_K, "q3_k"}, {HZ_Q4_K, "q4_k"},
    {HZ_Q5_K, "q5_k"}, {HZ_Q6_K, "q6_k"}, {HZ_Q8_K, "q8_k"},
};

/* The file's bytes, or NULL if there is none; free with free(). */
static void *stored(const char *name, const char *kind, size_t *len)
{
    char path[512], *data;
    struct hz_error err;
    snprintf(path, sizeof path, HZ_TEST_DATA "/quant/%s.%s", name, kind);
    if (hz_file_kind(path) == HZ_FILE_MISSING)
        return NULL;
    if (hz_file_read(path, 1 << 20, &data, len, &err) != HZ_OK)
        fail_msg("%s", err.text);
    return data;
}

/* The same values from any address; a block's result doesn't depend on those around it. */
static void check_dequantize(const struct vectors *v)
{
    size_t bytes, len;
    uint8_t *blocks = stored(v->name, "blocks", &bytes);
    float *want = stored(v->name, "values", &len);
    assert_true(blocks && want);
    uint64_t k = len / sizeof *want, one = hz_dtype_info(v->type)->block;
    assert_int_equal(hz_dtype_row_bytes(v->type, k), bytes);
    float *out = malloc(len);
    uint8_t *moved = malloc(bytes + 1);
    hz_dequantize_c(v->type)(blocks, out, k);
    for (uint64_t i = 0; i < k; i++)
        if (memcmp(&out[i], &want[i], sizeof *out) != 0)
            fail_msg("%s: value %llu is %.9g, published %.9g", v->name, (unsigned long long)i, (double)out[i],
                     (double)want[i]);
    memcpy(moved + 1, blocks, bytes);
    memset(out, 0, len);
    for (uint64_t i = 0; i < k; i += one)
        hz_dequantize_c(v->type)(moved + 1 + hz_dtype_row_bytes(v->type, i), out + i, one);
    assert_memory_equal(out, want, len);
    free(moved);
    free(out);
    free(want);
    free(blocks);
}

static void dequantizers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        check_dequantize(&vectors[i]);
}

/* Bytes as the package makes them, among them blocks of zeros, of tiny and of equal values. */
static void quantizers(void **state)
{
    (void)state;
    size_t len, bytes, checked = 0;
    float *x = stored("x", "values", &len);
    assert_non_null(x);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint8_t *want = stored(vectors[i].name, "quantized", &bytes);
        assert_int_equal(want != NULL, hz_quantize_c(vectors[i].type) != NULL);
        if (!want)
            continue;
        uint8_t *out = malloc(bytes);
        assert_int_equal(hz_dtype_row_bytes(vectors[i].type, len / sizeof *x), bytes);
        hz_quantize_c(vectors[i].type)(x, out, len / sizeof *x);
        for (size_t b = 0; b < bytes; b++)
            if (out[b] != want[b])
                fail_msg("%s: byte %zu of %zu is %u, published %u", vectors[i].name, b, bytes, out[b], want[b]);
        free(out);
        free(want);
        checked++;
    }
    assert_int_equal(checked, 7);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(dequantizers), cmocka_unit_test(quantizers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
