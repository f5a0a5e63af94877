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

size_t hz_panel_bytes_c(enum hz_xform form, uint32_t k, uint32_t n)
{
    return hz_x_panel_bytes(form, k, n, hz_panel_at_once_c(form, n));
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

static void put_word(uint8_t *step, uint32_t rows, uint32_t t, uint32_t kind, const void *word)
{
    memcpy(hz_x32_word(step, rows, t, kind), word, 4);
}

static void put_x32(uint8_t *step, uint32_t rows, uint32_t t, const float *in)
{
    int8_t *q = (int8_t *)step + (size_t)32 * t;
    float d = quantize(in, 32, q), s = d * (float)sum(q, 32);
    int32_t start8 = -8 * sum(q, 32), start16 = -16 * sum(q, 32), start128 = -128 * sum(q, 32);
    put_word(step, rows, t, HZ_X32_D, &d);
    put_word(step, rows, t, HZ_X32_S, &s);
    put_word(step, rows, t, HZ_X32_START8, &start8);
    put_word(step, rows, t, HZ_X32_START16, &start16);
    put_word(step, rows, t, HZ_X32_START128, &start128);
}

static void put_x256(struct hz_x256 *x, const float *in)
{
    x->d = quantize(in, 256, x->q);
    for (int g = 0; g < 16; g++) {
        x->start32[g] = -32 * sum(x->q + 16 * g, 16);
        x->sum16[g] = (int16_t)sum(x->q + 16 * g, 16);
    }
    for (int g = 0; g < 8; g++)
        x->sum32[g] = (int16_t)sum(x->q + 32 * g, 32);
    x->start128 = -128 * sum(x->q, 256);
    memset(x->unused, 0, sizeof x->unused);
}

void hz_panel_put_dense(const struct hz_panel *x, uint32_t row, const float *in)
{
    struct hz_x_block block = hz_panel_block(x, row / x->at_once);
    uint8_t *at = block.at + row % x->at_once * 64;
    uint32_t columns = hz_x_columns(x->form);
    for (uint32_t i = 0, steps = hz_x_steps(x->form, x->k); i < steps; i++, at += (size_t)64 * block.rows) {
        uint32_t from = i * columns, n = from < x->k ? HZ_MIN(columns, x->k - from) : 0;
        memset(at, 0, 64);
        if (x->form == HZ_X_F32)
            memcpy(at, in + from, n * sizeof *in);
        else
            for (uint32_t j = 0; j < n; j++)
                ((uint16_t *)(void *)at)[j] = hz_f32_bf16(in[from + j]);
    }
}

void hz_panel_put_c(const struct hz_panel *x, uint32_t row, const float *in)
{
    struct hz_x_block block = hz_panel_block(x, row / x->at_once);
    uint32_t t = row % x->at_once;
    if (x->form == HZ_X_I8_32)
        for (uint32_t i = 0; i < x->k; i += 32, block.at += (size_t)hz_x_bytes(x->form) * block.rows)
            put_x32(block.at, block.rows, t, in + i);
    else if (x->form == HZ_X_I8_256)
        for (uint32_t i = 0; i < x->k; i += 256, block.at += (size_t)hz_x_bytes(x->form) * block.rows)
            put_x256((struct hz_x256 *)(void *)block.at + t, in + i);
    else
        hz_panel_put_dense(x, row, in);
}

void hz_panel_residual(const struct hz_panel *x, uint32_t row, const float *in, float *out)
{
    struct hz_x_block block = hz_panel_block(x, row / x->at_once);
    uint32_t t = row % x->at_once, columns = hz_x_columns(x->form);
    for (uint32_t i = 0; i < x->k; i += columns, block.at += hz_x_bytes(x->form) * block.rows) {
        const struct hz_x256 *x256 = (const struct hz_x256 *)(void *)block.at + t;
        const int8_t *q = x256->q;
        float d;
        if (x->form == HZ_X_I8_32) {
            q = (const int8_t *)block.at + (size_t)32 * t;
            memcpy(&d, hz_x32_word(block.at, block.rows, t, HZ_X32_D), 4);
        } else {
            d = x256->d;
        }
        for (uint32_t c = 0; c < columns; c++)
            out[i + c] = in[i + c] - d * (float)q[c];
    }
}

void hz_panel_get(const struct hz_panel *x, uint32_t row, uint32_t from, uint32_t n, float *out)
{
    struct hz_x_block block = hz_panel_block(x, row / x->at_once);
    uint32_t t = row % x->at_once, columns = hz_x_columns(x->form);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t c = (from + i) % columns;
        uint8_t *step = block.at + (from + i) / columns * hz_x_bytes(x->form) * block.rows;
        const struct hz_x256 *x256 = (const struct hz_x256 *)(void *)step + t;
        float d;
        switch (x->form) {
        case HZ_X_F32:
            out[i] = ((const float *)(void *)step)[16 * t + c];
            break;
        case HZ_X_BF16:
            out[i] = hz_bf16_f32(((const uint16_t *)(void *)step)[32 * t + c]);
            break;
        case HZ_X_I8_32:
            memcpy(&d, hz_x32_word(step, block.rows, t, HZ_X32_D), 4);
            out[i] = d * (float)((const int8_t *)step)[32 * t + c];
            break;
        default:
            out[i] = x256->d * (float)x256->q[c];
        }
    }
}
