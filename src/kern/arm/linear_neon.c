/* linear_neon.c - products with the instructions that every 64-bit ARM has. Codes are summed in int16 halves as on the
 * AVX2 rung (linear_avx2.c says why they have room). */
#include "kern/arm/vectors.h"

enum { START_HALVES = 1 };

#define ROOM(bits)          ((bits) == 5 ? 4 : 8)
#define dot_code(acc, w, x) vreinterpretq_s32_s16(vaddq_s16(v_s16(acc), v_pair_sums(w, x)))
#define dot_start           v_quad
#define dot_int(acc)        vpaddlq_s16(v_s16(acc))
#define dot_s8(acc, w, x)   vpadalq_s16(acc, v_pair_sums(w, x))

typedef int32x4_t vs, vs_scale;
#define s_zero() vdupq_n_s32(0)
#define s_scale(pair, odd)                                                                                             \
    vreinterpretq_s32_s16((odd) ? vtrn2q_s16(v_s16(pair), v_s16(pair)) : vtrn1q_s16(v_s16(pair), v_s16(pair)))
#define s_add   v_madd_add
#define s_float vcvtq_f32_s32

#include "kern/arm/panel_arm_tmpl.h"
#include "kern/linear_tmpl.h"

void hz_kern_linear_neon(struct hz_kern *k)
{
    fill(k);
}
