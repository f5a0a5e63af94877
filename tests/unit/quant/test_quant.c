/* Every dequantizer, quantizer and tile against the package that publishes the format: tests/data/quant/make.py. */
#include "base/os/file.h"
#include "kern/kern.h"
#include "quant/quant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
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

/* Packed into a tile and unpacked, a row has its published values; each of 8 rows lies in two lanes. */
static void check_tile(const struct vectors *v)
{
    const struct hz_linear_kern *linear = &hz_kern_table(HZ_RUNG_C)->linear[v->type];
    size_t bytes, len;
    uint8_t *blocks = stored(v->name, "blocks", &bytes);
    float *want = stored(v->name, "values", &len);
    assert_true(blocks && want);
    uint32_t k = (uint32_t)(len / sizeof *want / 8);
    const void *rows[HZ_TILE];
    for (uint32_t r = 0; r < HZ_TILE; r++)
        rows[r] = blocks + r % 8 * hz_dtype_row_bytes(v->type, k);
    uint8_t *tile = aligned_alloc(64, (hz_tile_bytes(linear, k) + 63) / 64 * 64);
    float *out = malloc(k * sizeof *out);
    linear->pack(rows, HZ_TILE, k, tile);
    for (uint32_t r = 0; r < HZ_TILE; r++) {
        linear->unpack(tile, r, k, out);
        if (memcmp(out, want + r % 8 * k, k * sizeof *out) != 0)
            fail_msg("%s: row %u of the tile differs from the published values", v->name, r);
    }
    free(out);
    free(tile);
    free(want);
    free(blocks);
}

static void tiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        check_tile(&vectors[i]);
}

/* How far a value may move, as parts of its block's spread and largest magnitude, and at least. */
#define HALF 0x1.01p-11f /* what rounding a scale or minimum to f16 takes, with float32's own rounding */
#define TINY 0x1p-20f    /* the same where it is subnormal, times a code of up to 31 */
static const struct bound {
    enum hz_dtype type;
    float spread, largest, least;
} bounds[] = {
    {HZ_F32, 0, 0, 0},
    {HZ_F16, 0, 0x1p-11f, 0x1p-25f},
    {HZ_BF16, 0, 0x1p-8f, 0},
    {HZ_Q4_0, 0, 1.0f / 8 + HALF, TINY}, /* a whole step: codes reach one step less far above zero than below */
    {HZ_Q5_0, 0, 1.0f / 16 + HALF, TINY},
    {HZ_Q4_1, 0.5f / 15 + HALF, HALF, TINY},
    {HZ_Q5_1, 0.5f / 31 + HALF, HALF, TINY},
    {HZ_Q8_0, 0, 0.5f / 127 + HALF, 127 * 0x1p-25f},
};

static void check_bound(const struct bound *b, const float *x, const float *got, uint32_t block)
{
    float min = x[0], max = x[0];
    for (uint32_t i = 1; i < block; i++) {
        min = fminf(min, x[i]);
        max = fmaxf(max, x[i]);
    }
    float allowed = b->spread * (max - min) + b->largest * fmaxf(-min, max) + b->least;
    for (uint32_t i = 0; i < block; i++)
        if (!(fabsf(got[i] - x[i]) <= allowed))
            fail_msg("%s: %.9g became %.9g, allowed is %.3g", hz_dtype_info(b->type)->name, (double)x[i],
                     (double)got[i], (double)allowed);
}

/* A value moves by its bound at most, and no further when quantized again (a zero may change its sign). */
static void round_trips(void **state)
{
    (void)state;
    size_t len;
    float *x = stored("x", "values", &len);
    assert_non_null(x);
    uint64_t k = len / sizeof *x;
    float *once = malloc(len), *twice = malloc(len);
    uint8_t *packed = malloc(len);
    for (const struct bound *b = bounds; b < bounds + sizeof bounds / sizeof *bounds; b++) {
        uint32_t block = hz_dtype_info(b->type)->block;
        hz_quantize_c(b->type)(x, packed, k);
        hz_dequantize_c(b->type)(packed, once, k);
        for (uint64_t i = 0; i < k; i += block)
            check_bound(b, x + i, once + i, block);
        hz_quantize_c(b->type)(once, packed, k);
        hz_dequantize_c(b->type)(packed, twice, k);
        for (uint64_t i = 0; i < k; i++)
            if (twice[i] != once[i])
                fail_msg("%s: value %llu is %.9g, then %.9g", hz_dtype_info(b->type)->name, (unsigned long long)i,
                         (double)once[i], (double)twice[i]);
    }
    free(packed);
    free(twice);
    free(once);
    free(x);
}

/* Bits pass through F32 as they are, from any address and through a tile: infinities and signalling NaNs too. */
static void f32_is_bits(void **state)
{
    (void)state;
    static const uint32_t bits[] = {0,          0x80000000, 1,          0x807fffff, 0x7f7fffff,
                                    0x7f800000, 0xff800000, 0x7fc00001, 0x7f800001};
    const struct hz_linear_kern *linear = &hz_kern_table(HZ_RUNG_C)->linear[HZ_F32];
    enum { N = sizeof bits / sizeof *bits };
    uint8_t moved[1 + sizeof bits], *tile = aligned_alloc(64, hz_tile_bytes(linear, N));
    const void *row = moved + 1;
    float out[N];
    memcpy(moved + 1, bits, sizeof bits);
    hz_dequantize_c(HZ_F32)(row, out, N);
    assert_memory_equal(out, bits, sizeof bits);
    linear->pack(&row, 1, N, tile);
    linear->unpack(tile, 0, N, out);
    assert_memory_equal(out, bits, sizeof bits);
    free(tile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(dequantizers), cmocka_unit_test(quantizers),
                                       cmocka_unit_test(tiles), cmocka_unit_test(round_trips),
                                       cmocka_unit_test(f32_is_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
