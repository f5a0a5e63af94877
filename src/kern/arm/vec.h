/* vec.h - the vectors of the row and attention kernels on 64-bit ARM: NEON, 4 lanes. What each means stands in its
 * sibling x86/vec.h. */
#ifndef HZ_KERN_ARM_VEC_H
#define HZ_KERN_ARM_VEC_H

#include <arm_neon.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define V_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define V_UNROLL _Pragma("unroll")
#else
#define V_UNROLL _Pragma("GCC unroll 16")
#endif

#define V_NAME(kernel) kernel##_neon
typedef float32x4_t vf;
typedef uint32x4_t vmask;
enum { VW = 4 };
#define ATTEND_ROWS 6 /* 24 sums, four vectors, a broadcast value: 29 of 32 registers */
#define ATTEND_COLS 4

V_INLINE vf v_set(float x)
{
    return vdupq_n_f32(x);
}
V_INLINE vf v_iota(void)
{
    static const float iota[VW] = {0, 1, 2, 3};
    return vld1q_f32(iota);
}
V_INLINE vf v_load(const float *p)
{
    return vld1q_f32(p);
}
V_INLINE vf v_loadn(const float *p, uint32_t n, float fill)
{
    float all[VW] = {fill, fill, fill, fill};
    memcpy(all, p, n * sizeof *p);
    return vld1q_f32(all);
}
V_INLINE void v_store(float *p, vf x)
{
    vst1q_f32(p, x);
}
V_INLINE void v_storen(float *p, uint32_t n, vf x)
{
    float all[VW];
    vst1q_f32(all, x);
    memcpy(p, all, n * sizeof *p);
}
V_INLINE vf v_load_f16(const uint16_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}
V_INLINE vf v_loadn_f16(const uint16_t *p, uint32_t n)
{
    uint16_t all[VW] = {0};
    memcpy(all, p, n * sizeof *p);
    return v_load_f16(all);
}
V_INLINE void v_store_f16(uint16_t *p, vf x)
{
    vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(x)));
}
V_INLINE vf v_add(vf a, vf b)
{
    return vaddq_f32(a, b);
}
V_INLINE vf v_sub(vf a, vf b)
{
    return vsubq_f32(a, b);
}
V_INLINE vf v_mul(vf a, vf b)
{
    return vmulq_f32(a, b);
}
V_INLINE vf v_div(vf a, vf b)
{
    return vdivq_f32(a, b);
}
V_INLINE vf v_fma(vf a, vf b, vf c)
{
    return vfmaq_f32(c, a, b);
}
V_INLINE vf v_nfma(vf a, vf b, vf c)
{
    return vfmsq_f32(c, a, b);
}
V_INLINE vf v_min(vf a, vf b) /* not vminq: a NaN in either must give b */
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}
V_INLINE vf v_max(vf a, vf b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}
V_INLINE vmask v_lt(vf a, vf b)
{
    return vcltq_f32(a, b);
}
V_INLINE bool v_any(vmask mask)
{
    return vmaxvq_u32(mask) != 0;
}
V_INLINE vf v_pick(vmask mask, vf yes, vf no)
{
    return vbslq_f32(mask, yes, no);
}
V_INLINE vf v_shift23(vf x)
{
    return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(x), 23));
}
V_INLINE vf v_abs(vf x)
{
    return vabsq_f32(x);
}
V_INLINE vf v_copysign(vf magnitude, vf sign)
{
    return vbslq_f32(vdupq_n_u32(0x80000000u), sign, magnitude);
}
V_INLINE float v_first(vf x)
{
    return vgetq_lane_f32(x, 0);
}
V_INLINE float v_sum(vf x)
{
    return vaddvq_f32(x);
}
V_INLINE float v_top(vf x)
{
    return vmaxvq_f32(x);
}
V_INLINE void v_load2(const float *p, vf *even, vf *odd)
{
    float32x4x2_t both = vld2q_f32(p);
    *even = both.val[0];
    *odd = both.val[1];
}
V_INLINE void v_store2(float *p, vf even, vf odd)
{
    vst2q_f32(p, (float32x4x2_t){{even, odd}});
}

#endif
