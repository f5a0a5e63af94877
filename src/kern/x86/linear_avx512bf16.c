/* linear_avx512bf16.c - products of BF16 weights with x rounded to BF16 (AVX512_BF16). A lane of a tile's line is two
 * columns of a row, which vdpbf16ps multiplies by two values of x and adds to a float, taking denormals as zeros. */
#include "kern/fill.h"
#include "kern/x86/vectors512.h"

#include "kern/mul_tmpl.h"

#define f_dot(acc, w, x) _mm512_dpbf16_ps(acc, (__m512bh)(w), (__m512bh)(x))

/* Each 32 columns are summed on their own and then added, as in linear_tmpl.h. */
INLINE void pairs(KERNEL_ARGS, int NT)
{
    vf acc[AT_ONCE];
    EACH(t, NT) acc[t] = f_zero();
    for (uint32_t at = 0; at < k; at += 32, w += HZ_TILE_BF16, x += hz_x_bytes(HZ_X_BF16) * rows) {
        const uint8_t *xs = x + hz_x_bytes(HZ_X_BF16) * t0;
        vf part[AT_ONCE];
        EACH(t, NT) part[t] = f_zero();
        EACH(i, 16)
        {
            vi pair = v_load(w + HZ_LINE * i);
            ahead(w + HZ_LINE * i);
            EACH(t, NT) part[t] = f_dot(part[t], pair, v_quad(xs + (size_t)64 * t + 4 * i));
        }
        EACH(t, NT) acc[t] = f_add(acc[t], part[t]);
    }
    STORE(acc);
}

MUL(BF16, BF16, pairs(ARGS, NT))

void hz_kern_linear_avx512bf16(struct hz_kern *k)
{
    k->linear[HZ_BF16].form = HZ_X_BF16;
    k->linear[HZ_BF16].mul = mul_BF16;
}
