/* tile.h - where everything of a tile of 16 rows lies. All rungs read one layout.
 *
 * A line is 64 bytes: a 32-bit lane for each of the 16 rows, so that one AVX-512 register, two of AVX2 or four of NEON
 * hold it, and a product needs no sum across lanes. In block formats a lane of codes is four columns, a quad, to be
 * multiplied by a broadcast of four activations.
 *
 * One piece per block of 32 or 256 columns:
 *     d [16]                 f16 (Q8_K: f32) per row
 *     m [16]                 f16, where the format has mins
 *     scale pairs [n/2][16][2]   superblocks: int8, for each row the scales of two neighbouring groups; of Q2_K a byte
 *                            holds the scale in its low and the min in its high nibble
 *     min pairs [n/2][16][2]     where it has mins and is not Q2_K
 *     units                  per 32 columns as many lines as a code has bits, in planes:
 *         nibbles (4, 5, 6 bits)  4 lines; line i: the low four bits of quad i, above them those of quad 4 + i
 *         pairs (2, 3, 6 bits)    2 lines; line i: two bits of the quads 4i .. 4i + 3, lowest first (6 bits: bits 4, 5)
 *         bits (3, 5 bits)        1 line: the top bit of the quads 0 .. 7, lowest first
 *         bytes (8 bits)          8 lines, a quad each
 * so GGUF's nibbles are packed by transposing 32-bit words. Dense types, per 32 columns: F32 and F16 [column][16], BF16
 * [column / 2][16][2]; missing columns are zero. */
#ifndef HZ_KERN_TILE_H
#define HZ_KERN_TILE_H

#include "kern/kern.h"
#include "quant/codes.h"

/* Offsets of a piece of each block format, as constants for the kernels' loops. */
enum {
    HZ_LINE = 64,
    HZ_TILE_Q4_0 = 32 + 4 * HZ_LINE,
    HZ_TILE_Q4_1 = 64 + 4 * HZ_LINE,
    HZ_TILE_Q5_0 = 32 + 5 * HZ_LINE,
    HZ_TILE_Q5_1 = 64 + 5 * HZ_LINE,
    HZ_TILE_Q8_0 = 32 + 8 * HZ_LINE,
    HZ_TILE_Q2_K = 64 + 256 + 8 * 2 * HZ_LINE,
    HZ_TILE_Q3_K = 32 + 256 + 8 * 3 * HZ_LINE,
    HZ_TILE_Q4_K = 64 + 256 + 8 * 4 * HZ_LINE,
    HZ_TILE_Q5_K = 64 + 256 + 8 * 5 * HZ_LINE,
    HZ_TILE_Q6_K = 32 + 256 + 8 * 6 * HZ_LINE,
    HZ_TILE_Q8_K = 64 + 8 * 8 * HZ_LINE,
    HZ_TILE_F32 = 32 * 16 * 4,
    HZ_TILE_F16 = 32 * 16 * 2,
    HZ_TILE_BF16 = 32 * 16 * 2,
};

/* Offsets in a piece of a block format; 0: not there. */
struct hz_tile_layout {
    uint32_t m, scale, min, lines, bytes;
};

static inline struct hz_tile_layout hz_tile_layout(const struct hz_format *f)
{
    struct hz_tile_layout l = {0};
    uint32_t at = f->d_f32 ? 64 : 32, coded = f->group ? 16 * (f->block / f->group) : 0;
    if (f->mins) {
        l.m = at;
        at += 32;
    }
    if (coded) {
        l.scale = at;
        at += coded;
    }
    if (coded && f->mins && f->bits != 2) {
        l.min = at;
        at += coded;
    }
    l.lines = at;
    l.bytes = at + f->block / 32 * f->bits * HZ_LINE;
    return l;
}

/* Fills tile_block, tile_bytes, pack and unpack of every type (all rungs share them); the rest stays as it is. */
void hz_tile_fill(struct hz_linear_kern linear[HZ_DTYPES]);

#endif
