/* blocks.h - GGUF's block layouts, byte for byte as ggml writes them; read by C, CUDA and Metal alike.
 *
 * d and m are f16 bits. A block lies at any even address (Q8_K: any multiple of 4) at best: copy it before use. */
#ifndef HZ_QUANT_BLOCKS_H
#define HZ_QUANT_BLOCKS_H

#ifndef __METAL_VERSION__
#include <stdint.h>
#endif

#if defined(__METAL_VERSION__) || defined(__cplusplus)
#define HZ_BLOCK_SIZE(type, bytes) static_assert(sizeof(struct type) == (bytes), #type)
#else
#define HZ_BLOCK_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)
#endif

/* 32 columns. qs: byte i holds column i in its low nibble and column 16 + i in its high one. */
struct hz_q4_0 { /* d * (q - 8) */
    uint16_t d;
    uint8_t qs[16];
};
HZ_BLOCK_SIZE(hz_q4_0, 18);

struct hz_q4_1 { /* d * q + m */
    uint16_t d, m;
    uint8_t qs[16];
};
HZ_BLOCK_SIZE(hz_q4_1, 20);

struct hz_q5_0 { /* d * (q - 16); bit i of qh, little-endian, is bit 4 of column i's code */
    uint16_t d;
    uint8_t qh[4], qs[16];
};
HZ_BLOCK_SIZE(hz_q5_0, 22);

struct hz_q5_1 { /* d * q + m */
    uint16_t d, m;
    uint8_t qh[4], qs[16];
};
HZ_BLOCK_SIZE(hz_q5_1, 24);

struct hz_q8_0 { /* d * q */
    uint16_t d;
    int8_t qs[32];
};
HZ_BLOCK_SIZE(hz_q8_0, 34);

/* 256 columns. Two-bit planes (qs of Q2_K and Q3_K, qh of Q6_K): byte i of each half of 128 columns (32 bytes) holds
 * columns i, 32 + i, 64 + i, 96 + i of that half, lowest bits first. */
struct hz_q2_k { /* d * (scale & 15) * q - m * (scale >> 4), a scale per 16 columns */
    uint8_t scales[16], qs[64];
    uint16_t d, m;
};
HZ_BLOCK_SIZE(hz_q2_k, 84);

struct hz_q3_k { /* d * (scale - 32) * (q - 4), a six-bit scale per 16 columns; bit j of hmask[i]: bit 2 of column 32j+i
                  */
    uint8_t hmask[32], qs[64], scales[12];
    uint16_t d;
};
HZ_BLOCK_SIZE(hz_q3_k, 110);

/* Six-bit scales and mins of 8 groups of 32 columns: groups 0..3 in the low six bits of bytes 0..3 (scales) and 4..7
 * (mins); groups 4..7 in the low (scales) and high (mins) nibbles of bytes 8..11, their top bits above groups 0..3.
 * qs: byte i of each 64 columns (32 bytes) holds column i in its low nibble and column 32 + i in its high one. */
struct hz_q4_k { /* d * scale * q - m * min */
    uint16_t d, m;
    uint8_t scales[12], qs[128];
};
HZ_BLOCK_SIZE(hz_q4_k, 144);

struct hz_q5_k { /* the same; bit j of qh[i] is bit 4 of column 32j + i's code */
    uint16_t d, m;
    uint8_t scales[12], qh[32], qs[128];
};
HZ_BLOCK_SIZE(hz_q5_k, 176);

struct hz_q6_k { /* d * scale * (q - 32), a scale per 16 columns; ql: byte i of each 128 columns (64 bytes) holds column
                    i low and column 64 + i high */
    uint8_t ql[128], qh[64];
    int8_t scales[16];
    uint16_t d;
};
HZ_BLOCK_SIZE(hz_q6_k, 210);

struct hz_q8_k { /* d * q; sums of q over each 16 columns */
    float d;
    int8_t qs[256];
    int16_t sums[16];
};
HZ_BLOCK_SIZE(hz_q8_k, 292);

#undef HZ_BLOCK_SIZE
#endif
