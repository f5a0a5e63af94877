/* linear_dotprod.c - products with the four-way dot product of ARMv8.2: a lane's four columns in one instruction. */
#include "kern/arm/vectors.h"

enum { START_HALVES = 0 };

#define ROOM(bits)          8
#define dot_code(acc, w, x) vdotq_s32(acc, v_s8(w), v_s8(x))
#define dot_start           v_quad
#define dot_int(acc)        (acc)
#define dot_s8              dot_code

typedef int32x4_t vs, vs_scale;
#define s_zero()           vdupq_n_s32(0)
#define s_scale(pair, odd) ((odd) ? vshrq_n_s32(pair, 16) : vshrq_n_s32(vshlq_n_s32(pair, 16), 16))
#define s_add(sum, acc, s) vmlaq_s32(sum, acc, s)
#define s_float            vcvtq_f32_s32

#include "kern/arm/panel_arm_tmpl.h"
#include "kern/linear_tmpl.h"

void hz_kern_linear_dotprod(struct hz_kern *k)
{
    fill(k);
}
