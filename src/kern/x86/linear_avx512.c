/* linear_avx512.c - products with AVX-512 (F, BW, DQ, VL, VNNI): a register is a line of a tile. */
#include "kern/x86/vectors512.h"

enum { S8_START = 1, START_HALVES = 0 };

#define ROOM(bits)        8
#define dot_code          _mm512_dpbusd_epi32
#define dot_start         v_quad
#define dot_int(acc)      (acc)
#define dot_s8(acc, w, x) _mm512_dpbusd_epi32(acc, _mm512_xor_si512(w, _mm512_set1_epi8(-128)), x)

/* Sums over groups are floats: cvt and fma cost less than a 32-bit multiplication. A group's sum and its scale are
 * small integers, so each product is exact. */
typedef __m512 vs, vs_scale;
#define s_zero()           _mm512_setzero_ps()
#define s_scale(pair, odd) _mm512_cvtepi32_ps(_mm512_srai_epi32((odd) ? (pair) : _mm512_slli_epi32(pair, 16), 16))
#define s_add(sum, acc, s) _mm512_fmadd_ps(s, _mm512_cvtepi32_ps(acc), sum)
#define s_float(sum)       (sum)

#include "kern/linear_tmpl.h"
#include "kern/x86/panel_x86_tmpl.h"

void hz_kern_linear_avx512(struct hz_kern *k)
{
    fill(k);
}
