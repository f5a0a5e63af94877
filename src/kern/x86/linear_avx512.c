/* linear_avx512.c - products with AVX-512 (F, BW, DQ, VL, VNNI): a register is a line of a tile. */
#include "kern/x86/intrin.h"

#include <stdint.h>

enum { R = 16, V = 1, S8_START = 1, START_HALVES = 0 };
#ifndef SIMDE_ENABLE_NATIVE_ALIASES
enum { AT_ONCE = 12 };
#define EACH_WIDTH(X, type, call) X(type, 12, call) X(type, 8, call) X(type, 4, call) X(type, 2, call) X(type, 1, call)
#else /* emulated instructions take minutes to compile */
enum { AT_ONCE = 4 };
#define EACH_WIDTH(X, type, call) X(type, 4, call) X(type, 1, call)
#endif

typedef __m512i vi;
typedef __m512 vf;
#define v_load(p)         _mm512_loadu_si512((const void *)(p))
#define v_quad(p)         _mm512_set1_epi32(*(const int32_t *)(const void *)(p)) /* four bytes to every lane */
#define v_and             _mm512_and_si512
#define v_or_and(a, b, m) _mm512_ternarylogic_epi32(a, b, m, 0xf8) /* a | b & m */
#define v_shr             _mm512_srli_epi16
#define v_shl             _mm512_slli_epi16
#define v_shl32           _mm512_slli_epi32
#define v_byte(b)         _mm512_set1_epi8((char)(b))
#define v_short           _mm512_set1_epi16
#define v_int             _mm512_set1_epi32
#define v_zero()          _mm512_setzero_si512()
#define v_add8            _mm512_add_epi8
#define v_madd_add        _mm512_dpwssd_epi32 /* a + int16 pairs of b and c, multiplied and added */
#define v_pairs(p)        _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(p)))
#define v_pairs_u(p)      _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(p)))
#define f_zero()          _mm512_setzero_ps()
#define f_set             _mm512_set1_ps
#define f_add             _mm512_add_ps
#define f_mul             _mm512_mul_ps
#define f_fma             _mm512_fmadd_ps
#define f_fnma            _mm512_fnmadd_ps
#define f_int             _mm512_cvtepi32_ps
#define f_bits            _mm512_castsi512_ps
#define f_half(p)         _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)(p)))
#define f_load            _mm512_loadu_ps
#define f_store           _mm512_storeu_ps
#define HOLD(v)           (void)0

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
