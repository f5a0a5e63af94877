/* attend_c.c - attention over one tile of 32 keys and the stores that fill one, in plain C. */
#include "kern/fill.h"
#include "quant/half.h"

#include <math.h>

static float kv_at(enum hz_kv_type type, const void *kv, size_t at)
{
    return type == HZ_KV_F32 ? ((const float *)kv)[at] : hz_f16_f32(((const uint16_t *)kv)[at]);
}

/* The weights 2^(s - m) of one row's visible keys, m being the new maximum; o and l are brought to it. */
static void weigh(enum hz_kv_type type, const void *k, uint32_t head_dim, uint32_t v_dim, float softcap,
                  struct hz_attend_row *row, float *p)
{
    float m = row->m;
    for (uint32_t t = row->from; t < row->to; t++) {
        float s = 0;
        for (uint32_t i = 0; i < head_dim; i++)
            s += row->q[i] * kv_at(type, k, (size_t)i * HZ_KV_TILE + t);
        if (softcap > 0)
            s = softcap * tanhf(s / softcap) * 1.44269504f;
        p[t] = s;
        m = fmaxf(m, s);
    }
    float fix = exp2f(row->m - m); /* 0 on the first tile */
    row->m = m;
    row->l *= fix;
    for (uint32_t i = 0; i < v_dim; i++)
        row->o[i] *= fix;
    for (uint32_t t = row->from; t < row->to; t++)
        p[t] = exp2f(p[t] - m);
}

static void attend(enum hz_kv_type type, const void *k, const void *v, uint32_t head_dim, uint32_t v_dim, float softcap,
                   struct hz_attend_row *rows, uint32_t n)
{
    for (uint32_t r = 0; r < n; r++) {
        struct hz_attend_row *row = &rows[r];
        float p[HZ_KV_TILE];
        weigh(type, k, head_dim, v_dim, softcap, row, p);
        for (uint32_t t = row->from; t < row->to; t++) {
            row->l += p[t];
            for (uint32_t i = 0; i < v_dim; i++)
                row->o[i] += p[t] * kv_at(type, v, (size_t)t * v_dim + i);
        }
    }
}

static void attend_f32_c(const void *k, const void *v, ptrdiff_t next, uint32_t head_dim, uint32_t v_dim, float softcap,
                         struct hz_attend_row *rows, uint32_t n)
{
    (void)next;
    attend(HZ_KV_F32, k, v, head_dim, v_dim, softcap, rows, n);
}

static void attend_f16_c(const void *k, const void *v, ptrdiff_t next, uint32_t head_dim, uint32_t v_dim, float softcap,
                         struct hz_attend_row *rows, uint32_t n)
{
    (void)next;
    attend(HZ_KV_F16, k, v, head_dim, v_dim, softcap, rows, n);
}

static void kv_put_f32_c(void *k_tile, void *v_tile, uint32_t slot, const float *k, const float *v, uint32_t head_dim,
                         uint32_t v_dim)
{
    for (uint32_t i = 0; i < head_dim; i++)
        ((float *)k_tile)[(size_t)i * HZ_KV_TILE + slot] = k[i];
    for (uint32_t i = 0; i < v_dim; i++)
        ((float *)v_tile)[(size_t)slot * v_dim + i] = v[i];
}

static uint16_t saturate_f16(float x)
{
    return hz_f32_f16(x > 65504.0f ? 65504.0f : x < -65504.0f ? -65504.0f : x);
}

static void kv_put_f16_c(void *k_tile, void *v_tile, uint32_t slot, const float *k, const float *v, uint32_t head_dim,
                         uint32_t v_dim)
{
    for (uint32_t i = 0; i < head_dim; i++)
        ((uint16_t *)k_tile)[(size_t)i * HZ_KV_TILE + slot] = saturate_f16(k[i]);
    for (uint32_t i = 0; i < v_dim; i++)
        ((uint16_t *)v_tile)[(size_t)slot * v_dim + i] = saturate_f16(v[i]);
}

void hz_kern_attend_c(struct hz_kern *kern)
{
    kern->attend[HZ_KV_F32] = attend_f32_c;
    kern->attend[HZ_KV_F16] = attend_f16_c;
    kern->kv_put[HZ_KV_F32] = kv_put_f32_c;
    kern->kv_put[HZ_KV_F16] = kv_put_f16_c;
}
