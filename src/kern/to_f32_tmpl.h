/* to_f32_tmpl.h - tiles of the block formats made F32, for one rung. The including file defines R, V, f_half and
 * f_store as linear_tmpl.h says; the rest is written with the compiler's own vectors, a lane for each of the sixteen
 * rows of a line, which it splits into registers of the rung. (Plain loops over the rows it turns the other way and
 * gathers.) The operations and their order are those of hz_codes_values, so the bits are the same. */
#ifndef HZ_KERN_TO_F32_TMPL_H
#define HZ_KERN_TO_F32_TMPL_H

#include "kern/mul_tmpl.h"
#include "quant/codes.h"

typedef uint32_t lanes_u __attribute__((vector_size(HZ_LINE)));
typedef int32_t lanes_i __attribute__((vector_size(HZ_LINE)));
typedef float lanes_f __attribute__((vector_size(HZ_LINE)));

INLINE void halves(const uint8_t *from, lanes_f *to)
{
    EACH(v, V) f_store((float *)to + R * v, f_half(from + (size_t)2 * R * v));
}

/* One of each row's pair of scales; nibble: which four bits of it, -1: all eight. */
INLINE void scales_of(const uint8_t *pairs, int odd, int nibble, lanes_f *to)
{
    uint16_t both[HZ_TILE];
    lanes_i s;
    memcpy(both, pairs, sizeof both);
    EACH(r, HZ_TILE) s[r] = both[r];
    s = nibble < 0 ? s << (24 - 8 * odd) >> 24 : s >> (8 * odd + 4 * nibble) & 15;
    *to = __builtin_convertvector(s, lanes_f);
}

/* Codes of column c, 0 .. 31, of a unit, whose lines are given; the planes of tile.h. */
INLINE void codes_of(const lanes_u *line, int bits, int c, lanes_i *codes)
{
    int q = c / 4, byte = c % 4 * 8;
    lanes_u first = line[bits == 8 ? q : bits < 4 ? q / 4 : q % 4] >> (byte + (bits < 4 ? q % 4 * 2 : q / 4 * 4));
    if (bits == 8)
        *codes = (lanes_i)(line[q] << (24 - byte)) >> 24;
    else if (bits == 2)
        *codes = (lanes_i)(first & 3);
    else if (bits == 3)
        *codes = (lanes_i)((first & 3) | (line[2] >> (byte + q) & 1) << 2);
    else if (bits == 4)
        *codes = (lanes_i)(first & 15);
    else if (bits == 5)
        *codes = (lanes_i)((first & 15) | (line[4] >> (byte + q) & 1) << 4);
    else
        *codes = (lanes_i)((first & 15) | (line[4 + q / 4] >> (byte + q % 4 * 2) & 3) << 4);
}

/* Columns from .. from+n-1 of a unit: s * (code - zero), or s * code + m. */
INLINE void group_f32(const struct hz_format *f, const lanes_u *line, int from, int n, const lanes_f *s,
                      const lanes_f *m, float *out)
{
    EACH(i, n)
    {
        lanes_i codes;
        codes_of(line, (int)f->bits, from + i, &codes);
        lanes_f y = __builtin_convertvector(codes - f->zero, lanes_f) * *s;
        y = f->mins ? y + *m : y;
        memcpy(out + (size_t)i * HZ_TILE, &y, sizeof y);
    }
}

/* Inlined where `f` is a constant. */
INLINE void to_f32(const struct hz_format *f, const uint8_t *tile, uint32_t k, float *out)
{
    const struct hz_tile_layout l = hz_tile_layout(f);
    const uint32_t group = f->group ? f->group : 32, unit = f->bits * HZ_LINE;
    lanes_f d, m = {0}, s, min;
    for (uint32_t at = 0; at < k; at += f->block, tile += l.bytes) {
        if (f->d_f32)
            memcpy(&d, tile, sizeof d);
        else
            halves(tile, &d);
        if (f->mins)
            halves(tile + l.m, &m);
        for (uint32_t u = 0; u < f->block / 32; u++, out += 32 * HZ_TILE) {
            lanes_u line[8];
            memcpy(line, tile + l.lines + u * unit, unit);
            for (uint32_t c = 0; c < 32; c += group) {
                uint32_t g = (32 * u + c) / group, pair = g / 2 * 2 * HZ_TILE;
                s = d;
                min = m;
                if (f->group) {
                    scales_of(tile + l.scale + pair, g % 2, f->bits == 2 ? 0 : -1, &s);
                    s = d * s;
                }
                if (f->group && f->mins) { /* adding the negative has the bits of the reference's subtraction */
                    scales_of(tile + (f->bits == 2 ? l.scale : l.min) + pair, g % 2, f->bits == 2 ? 1 : -1, &min);
                    min = -(m * min);
                }
                group_f32(f, line, (int)c, (int)group, &s, &min, out + (size_t)c * HZ_TILE);
            }
        }
    }
}

#define TO_F32(ID, id, ...)                                                                                            \
    static void to_f32_##ID(const uint8_t *tile, uint32_t k, float *out)                                               \
    {                                                                                                                  \
        const struct hz_format format = {__VA_ARGS__, NULL};                                                           \
        to_f32(&format, tile, k, out);                                                                                 \
    }
HZ_FORMAT_MAP(TO_F32)

static void fill_to_f32(struct hz_kern *k)
{
#define TO_F32_ENTRY(ID, ...) k->linear[HZ_##ID].to_f32 = to_f32_##ID;
    HZ_FORMAT_MAP(TO_F32_ENTRY)
}

#endif
