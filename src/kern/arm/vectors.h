/* vectors.h - the plain instructions of linear_tmpl.h on ARM: four registers are a line of a tile. */
#ifndef HZ_KERN_ARM_VECTORS_H
#define HZ_KERN_ARM_VECTORS_H

#include <arm_neon.h>
#include <stdint.h>

enum { R = 4, V = 4, AT_ONCE = 4, S8_START = 0 };
#define EACH_WIDTH(X, type, call) X(type, 4, call) X(type, 2, call) X(type, 1, call)

typedef int32x4_t vi;
typedef float32x4_t vf;

#define v_s8(v)  vreinterpretq_s8_s32(v)
#define v_s16(v) vreinterpretq_s16_s32(v)

/* a + products of the int16 pairs of b and c, added in pairs. */
static inline vi v_madd_add(vi a, vi b, vi c)
{
    int32x4_t low = vmull_s16(vget_low_s16(v_s16(b)), vget_low_s16(v_s16(c)));
    return vaddq_s32(a, vpaddq_s32(low, vmull_high_s16(v_s16(b), v_s16(c))));
}

/* Products of int8, added in pairs: per lane the sums of columns 0 + 1 and 2 + 3 as int16. */
static inline int16x8_t v_pair_sums(vi w, vi x)
{
    int16x8_t low = vmull_s8(vget_low_s8(v_s8(w)), vget_low_s8(v_s8(x)));
    return vpaddq_s16(low, vmull_high_s8(v_s8(w), v_s8(x)));
}

#define v_load(p)         vld1q_s32((const int32_t *)(const void *)(p))
#define v_quad(p)         vld1q_dup_s32((const int32_t *)(const void *)(p)) /* four bytes to every lane */
#define v_and             vandq_s32
#define v_or_and(a, b, m) vorrq_s32(a, vandq_s32(b, m))
#define v_shr(v, n)       ((vi)((uint16x8_t)(v) >> (n))) /* operators: the intrinsics want literals */
#define v_shl(v, n)       ((vi)((uint16x8_t)(v) << (n)))
#define v_shl32(v, n)     ((vi)((uint32x4_t)(v) << (n)))
#define v_byte(b)         vreinterpretq_s32_s8(vdupq_n_s8((int8_t)(b)))
#define v_short(s)        vreinterpretq_s32_s16(vdupq_n_s16(s))
#define v_int             vdupq_n_s32
#define v_zero()          vdupq_n_s32(0)
#define v_add8(a, b)      vreinterpretq_s32_s8(vaddq_s8(v_s8(a), v_s8(b)))
#define v_pairs(p)        vreinterpretq_s32_s16(vmovl_s8(vld1_s8((const int8_t *)(p))))
#define v_pairs_u(p)      vreinterpretq_s32_u16(vmovl_u8(vld1_u8(p)))
#define f_zero()          vdupq_n_f32(0)
#define f_set             vdupq_n_f32
#define f_add             vaddq_f32
#define f_mul             vmulq_f32
#define f_fma(a, b, c)    vfmaq_f32(c, a, b)
#define f_fnma(a, b, c)   vfmsq_f32(c, a, b)
#define f_int             vcvtq_f32_s32
#define f_bits            vreinterpretq_f32_s32
#define f_half(p)         vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16((const uint16_t *)(const void *)(p))))
#define f_load            vld1q_f32
#define f_store           vst1q_f32
#define HOLD(v)           (void)0

#endif
