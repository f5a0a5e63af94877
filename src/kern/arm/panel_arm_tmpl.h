/* panel_arm_tmpl.h - quantizing rows of x with NEON, for the rungs of ARM; see linear_tmpl.h, which declares these. */
#ifndef HZ_KERN_ARM_PANEL_ARM_H
#define HZ_KERN_ARM_PANEL_ARM_H

#include "kern/linear_tmpl.h"

INLINE uint32_t top_bits(const float *in, uint32_t n)
{
    uint32x4_t top = vdupq_n_u32(0);
    for (uint32_t i = 0; i < n; i += 4)
        top = vmaxq_u32(top, vandq_u32(vreinterpretq_u32_f32(vld1q_f32(in + i)), vdupq_n_u32(0x7fffffff)));
    return vmaxvq_u32(top);
}

INLINE void put_codes(const float *in, float inverse, int8_t *q, struct sums sums[2])
{
    for (int h = 0; h < 2; h++, in += 16, q += 16) {
        int16x4_t c[4];
        for (int i = 0; i < 4; i++) /* to nearest, halves to even */
            c[i] = vmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(in + 4 * i), inverse)));
        int16x8_t a = vcombine_s16(c[0], c[1]), b = vcombine_s16(c[2], c[3]);
        vst1q_s8(q, vcombine_s8(vmovn_s16(a), vmovn_s16(b)));
        int16x8_t pairs = vpaddq_s16(a, b); /* of each quad, columns 0 + 1 and 2 + 3 */
        sums[h].low = vaddvq_s16(vuzp1q_s16(pairs, vdupq_n_s16(0)));
        sums[h].high = vaddvq_s16(vuzp2q_s16(pairs, vdupq_n_s16(0)));
        sums[h].all = sums[h].low + sums[h].high;
    }
}

#endif
