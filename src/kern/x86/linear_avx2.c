/* linear_avx2.c - products with AVX2 and FMA: two registers are a line of a tile.
 *
 * vpmaddubsw adds codes times int8 in int16 halves. Codes up to 15 leave room for eight quads (15 * 127 * 2 * 8 =
 * 30480) before one vpmaddwd makes int32 of them, and codes counted from their middle for twice as large ones (sums
 * that wrap around on the way do no harm). That halves the multiplications of a plain vpmaddubsw, vpmaddwd, vpaddd. */
#include "kern/x86/intrin.h"

#include <stdint.h>

enum { R = 8, V = 2, AT_ONCE = 4, S8_START = 0, START_HALVES = 1 };
#define EACH_WIDTH(X, type, call) X(type, 4, call) X(type, 2, call) X(type, 1, call)

typedef __m256i vi;
typedef __m256 vf;
#define v_load(p)           _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define v_quad(p)           _mm256_castps_si256(_mm256_broadcast_ss((const float *)(const void *)(p))) /* four bytes to all */
#define v_and               _mm256_and_si256
#define v_or_and(a, b, m)   _mm256_or_si256(a, _mm256_and_si256(b, m))
#define v_shr               _mm256_srli_epi16
#define v_shl               _mm256_slli_epi16
#define v_shl32             _mm256_slli_epi32
#define v_byte(b)           _mm256_set1_epi8((char)(b))
#define v_short             _mm256_set1_epi16
#define v_int               _mm256_set1_epi32
#define v_zero()            _mm256_setzero_si256()
#define v_add8              _mm256_add_epi8
#define v_madd_add(a, b, c) _mm256_add_epi32(a, _mm256_madd_epi16(b, c))
#define v_pairs(p)          _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#define v_pairs_u(p)        _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#define f_zero()            _mm256_setzero_ps()
#define f_set               _mm256_set1_ps
#define f_add               _mm256_add_ps
#define f_mul               _mm256_mul_ps
#define f_fma               _mm256_fmadd_ps
#define f_fnma              _mm256_fnmadd_ps
#define f_int               _mm256_cvtepi32_ps
#define f_bits              _mm256_castsi256_ps
#define f_half(p)           _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#define f_load              _mm256_loadu_ps
#define f_store             _mm256_storeu_ps

/* gcc reassociates the int16 sums (all products first, then all sums) and spills every one of them; an empty asm after
 * each step keeps the order written here. */
#define HOLD(v) __asm__ volatile("" : "+x"(v))

#define ROOM(bits)          ((bits) == 5 ? 4 : 8) /* quads; 6 bits come in groups of 4 quads, counted from 32 */
#define dot_code(acc, w, x) _mm256_add_epi16(acc, _mm256_maddubs_epi16(w, x))
#define dot_start           v_quad
#define dot_int(acc)        _mm256_madd_epi16(acc, _mm256_set1_epi16(1))
/* |w| is the unsigned side, 128 fits there; its sign goes to x. */
#define dot_s8(acc, w, x)                                                                                              \
    _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w)),          \
                                            _mm256_set1_epi16(1)))

/* The scale of a group multiplies the int16 halves in the vpmaddwd that is needed anyway. */
typedef __m256i vs, vs_scale;
static inline __m256i scale_halves(__m256i pair, int odd) /* the pair's int16 `odd` in both halves of each lane */
{
    const __m256i even = _mm256_setr_epi8(0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13, 0, 1, 0, 1, 4, 5, 4, 5, 8,
                                          9, 8, 9, 12, 13, 12, 13);
    return _mm256_shuffle_epi8(pair, odd ? _mm256_add_epi8(even, _mm256_set1_epi8(2)) : even);
}
#define s_zero()           _mm256_setzero_si256()
#define s_scale            scale_halves
#define s_add(sum, acc, s) _mm256_add_epi32(sum, _mm256_madd_epi16(acc, s))
#define s_float(sum)       _mm256_cvtepi32_ps(sum)

#include "kern/linear_tmpl.h"
#include "kern/x86/panel_x86_tmpl.h"

void hz_kern_linear_avx2(struct hz_kern *k)
{
    fill(k);
}
