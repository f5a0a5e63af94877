/* linear_c.c - linear layers in plain C: the reference of every rung. The weight as published (unpacked) times x as the
 * panel holds it, summed in double over ascending k and rounded once. */
#include "kern/c/panel_c.h"
#include "kern/fill.h"
#include "kern/panel.h"
#include "kern/tile.h"

enum { MAX_ROWS = 64 };

static const struct hz_linear_kern *entry(enum hz_dtype type)
{
    return &hz_kern_table(HZ_RUNG_C)->linear[type];
}

static void mul(enum hz_dtype type, const uint8_t *tile, uint32_t k, const struct hz_panel *x, uint32_t block, float *y,
                size_t ldy)
{
    const struct hz_linear_kern *linear = entry(type);
    uint32_t rows = hz_panel_rows(x, block), first = block * x->at_once;
    double acc[MAX_ROWS][HZ_TILE] = {{0}};
    for (uint32_t at = 0; at < k; at += linear->tile_block, tile += linear->tile_bytes) {
        uint32_t n = HZ_MIN(linear->tile_block, k - at);
        float w[HZ_TILE][256], v[256];
        for (uint32_t r = 0; r < HZ_TILE; r++)
            linear->unpack(tile, r, n, w[r]);
        for (uint32_t t = 0; t < rows; t++) {
            hz_panel_get(x, first + t, at, n, v);
            for (uint32_t r = 0; r < HZ_TILE; r++)
                for (uint32_t i = 0; i < n; i++)
                    acc[t][r] += (double)w[r][i] * v[i];
        }
    }
    for (uint32_t t = 0; t < rows; t++)
        for (uint32_t r = 0; r < HZ_TILE; r++)
            y[t * ldy + r] = (float)acc[t][r];
}

#define TYPES(X)                                                                                                       \
    X(F32, F32)                                                                                                        \
    X(F16, F32)                                                                                                        \
    X(BF16, F32)                                                                                                       \
    X(Q4_0, I8_32)                                                                                                     \
    X(Q4_1, I8_32)                                                                                                     \
    X(Q5_0, I8_32)                                                                                                     \
    X(Q5_1, I8_32)                                                                                                     \
    X(Q8_0, I8_32)                                                                                                     \
    X(Q2_K, I8_256)                                                                                                    \
    X(Q3_K, I8_256)                                                                                                    \
    X(Q4_K, I8_256)                                                                                                    \
    X(Q5_K, I8_256)                                                                                                    \
    X(Q6_K, I8_256)                                                                                                    \
    X(Q8_K, I8_256)

#define MUL(type, form)                                                                                                \
    static void mul_##type##_c(const uint8_t *tile, uint32_t k, const struct hz_panel *x, uint32_t block, float *y,    \
                               size_t ldy)                                                                             \
    {                                                                                                                  \
        mul(HZ_##type, tile, k, x, block, y, ldy);                                                                     \
    }
TYPES(MUL)

void hz_kern_linear_c(struct hz_kern *k)
{
    hz_tile_fill(k->linear);
#define ENTRY(type, xform)                                                                                             \
    k->linear[HZ_##type].form = HZ_X_##xform;                                                                          \
    k->linear[HZ_##type].mul = mul_##type##_c;                                                                         \
    k->linear[HZ_##type].mul_f32 = HZ_X_##xform == HZ_X_F32 ? mul_##type##_c : NULL;
    TYPES(ENTRY)
    k->panel_at_once = hz_panel_at_once_c;
    k->panel_bytes = hz_panel_bytes_c;
    k->panel_put = hz_panel_put_c;
}
