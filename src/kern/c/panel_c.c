/* panel_c.c - putting rows of x into a panel, in plain C: defines every bit that the other rungs must find. */
#include "kern/panel.h"

#include "kern/c/panel_c.h"
#include "quant/half.h"

uint32_t hz_panel_at_once_c(enum hz_xform form, uint32_t n)
{
    (void)form;
    (void)n;
    return 8; /* a tile is unpacked once for so many rows */
}

size_t hz_panel_bytes(enum hz_xform form, uint32_t k, uint32_t n)
{
    return (size_t)hz_x_steps(form, k) * hz_x_bytes(form) * n;
}

/* n values to int8 codes; returns the scale. */
static float quantize(const float *in, uint32_t n, int8_t *q)
{
    uint32_t top = 0;
    for (uint32_t i = 0; i < n; i++)
        top = HZ_MAX(top, hz_f32_bits(in[i]) & 0x7fffffffu); /* as integers: infinity and NaN are the largest */
    float inverse, d = hz_x_scale(top, &inverse);
    for (uint32_t i = 0; i < n; i++) {
        /* 1.5 * 2^23 rounds to an integer, halves to even, and leaves it in the low bits. */
        float v = inverse != 0 ? in[i] * inverse + 12582912.0f : 12582912.0f;
        q[i] = (int8_t)(hz_f32_bits(v) & 0xff);
    }
    return d;
}

static int32_t sum(const int8_t *q, uint32_t n)
{
    int32_t s = 0;
    for (uint32_t i = 0; i < n; i++)
        s += q[i];
    return s;
}

/* The start word of n columns for a zero point: int32, or the two int16 halves of the AVX2 rung (panel.h). */
static int32_t start_word(const int8_t *q, uint32_t n, int32_t zero, bool halves)
{
    if (!halves)
        return -zero * sum(q, n);
    int32_t low = 0, high = 0;
    for (uint32_t i = 0; i < n; i += 4) {
        low += q[i] + q[i + 1];
        high += q[i + 2] + q[i + 3];
    }
    return (int32_t)((uint32_t)(-zero * low & 0xffff) | (uint32_t)(-zero * high) << 16);
}

static void put_x32(struct hz_x32 *x, const float *in, bool halves)
{
    x->d = quantize(in, 32, x->q);
    x->s = x->d * (float)sum(x->q, 32);
    x->start8 = start_word(x->q, 32, 8, halves);
    x->start16 = start_word(x->q, 32, 16, halves);
    x->start128 = -128 * sum(x->q, 32);
    memset(x->unused, 0, sizeof x->unused);
}

static void put_x256(struct hz_x256 *x, const float *in, bool halves)
{
    x->d = quantize(in, 256, x->q);
    for (int g = 0; g < 16; g++) {
        x->start32[g] = start_word(x->q + 16 * g, 16, 32, halves);
        x->sum16[g] = (int16_t)sum(x->q + 16 * g, 16);
    }
    for (int g = 0; g < 8; g++)
        x->sum32[g] = (int16_t)sum(x->q + 32 * g, 32);
    x->start128 = -128 * sum(x->q, 256);
    memset(x->unused, 0, sizeof x->unused);
}

void hz_panel_put_dense(const struct hz_panel *x, uint32_t row, const float *in)
{
    size_t stride;
    uint8_t *at = hz_panel_row(x, row, &stride);
    uint32_t columns = hz_x_columns(x->form);
    for (uint32_t i = 0, steps = hz_x_steps(x->form, x->k); i < steps; i++, at += stride) {
        uint32_t from = i * columns, n = from < x->k ? HZ_MIN(columns, x->k - from) : 0;
        memset(at, 0, 64);
        if (x->form == HZ_X_F32)
            memcpy(at, in + from, n * sizeof *in);
        else
            for (uint32_t j = 0; j < n; j++)
                ((uint16_t *)(void *)at)[j] = hz_f32_bf16(in[from + j]);
    }
}

static void put(const struct hz_panel *x, uint32_t row, const float *in, bool halves)
{
    size_t stride;
    uint8_t *at = hz_panel_row(x, row, &stride);
    if (x->form == HZ_X_I8_32)
        for (uint32_t i = 0; i < x->k; i += 32, at += stride)
            put_x32((struct hz_x32 *)(void *)at, in + i, halves);
    else if (x->form == HZ_X_I8_256)
        for (uint32_t i = 0; i < x->k; i += 256, at += stride)
            put_x256((struct hz_x256 *)(void *)at, in + i, halves);
    else
        hz_panel_put_dense(x, row, in);
}

void hz_panel_put_c(const struct hz_panel *x, uint32_t row, const float *in)
{
    put(x, row, in, false);
}

void hz_panel_put_halves_c(const struct hz_panel *x, uint32_t row, const float *in)
{
    put(x, row, in, true);
}

void hz_panel_get(const struct hz_panel *x, uint32_t row, uint32_t from, uint32_t n, float *out)
{
    size_t stride;
    const uint8_t *at = hz_panel_row(x, row, &stride);
    uint32_t columns = hz_x_columns(x->form);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t c = (from + i) % columns;
        const uint8_t *step = at + (from + i) / columns * stride;
        const struct hz_x32 *x32 = (const void *)step;
        const struct hz_x256 *x256 = (const void *)step;
        switch (x->form) {
        case HZ_X_F32:
            out[i] = ((const float *)(const void *)step)[c];
            break;
        case HZ_X_BF16:
            out[i] = hz_bf16_f32(((const uint16_t *)(const void *)step)[c]);
            break;
        case HZ_X_I8_32:
            out[i] = x32->d * (float)x32->q[c];
            break;
        default:
            out[i] = x256->d * (float)x256->q[c];
        }
    }
}
