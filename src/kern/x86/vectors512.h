/* vectors512.h - the vocabulary of mul_tmpl.h and linear_tmpl.h with AVX-512, for the rungs that have it, which read
 * the same panels. */
#ifndef HZ_KERN_X86_VECTORS512_H
#define HZ_KERN_X86_VECTORS512_H

#include "kern/x86/intrin.h"

#include <stdint.h>

enum { R = 16, V = 1 };
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

#endif
