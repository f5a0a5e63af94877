/* tile_c.c - packing published rows into tiles, and back. Both move bits; the inverse is exact.
 *
 * Packing goes block by block: a format's words_* turns a row's block into one 32-bit word per line, 32 bits at a time,
 * and the words are then dealt to the lanes. Unpacking is plain: byte by byte into struct hz_codes. */
#include "kern/tile.h"

#include "quant/blocks.h"
#include "quant/codes.h"
#include "quant/half.h"
#include "quant/scales.h"

enum { MAX_LINES = 64 };

/* What a row's block becomes before it is dealt out. */
struct words {
    uint32_t d, m;
    int8_t scale[16], min[16];
    uint32_t line[MAX_LINES];
};

static inline uint32_t word_at(const uint8_t *p)
{
    uint32_t w;
    memcpy(&w, p, 4);
    return w;
}

/* Nibble plane of 32 columns whose low and high nibbles are GGUF's columns i and 16 + i: as it is. */
static inline void nibbles_32(uint32_t *line, const uint8_t *qs)
{
    memcpy(line, qs, 16);
}

/* Of columns whose nibbles lie, `shift` bits up, in 32 bytes. */
static inline void nibbles_at(uint32_t *line, const uint8_t *qs, int shift)
{
    for (int i = 0; i < 4; i++)
        line[i] = (word_at(qs + 4 * i) >> shift & 0x0f0f0f0fu) | (word_at(qs + 16 + 4 * i) >> shift & 0x0f0f0f0fu) << 4;
}

/* Pair plane of columns whose two bits lie, `shift` bits up, in 32 bytes. */
static inline void pairs_at(uint32_t *line, const uint8_t *qs, int shift)
{
    for (int i = 0; i < 2; i++) {
        line[i] = 0;
        for (int q = 0; q < 4; q++)
            line[i] |= (word_at(qs + 16 * i + 4 * q) >> shift & 0x03030303u) << 2 * q;
    }
}

/* Bit plane of columns whose bit lies, `shift` bits up, in 32 bytes. */
static inline uint32_t bits_at(const uint8_t *qh, int shift)
{
    uint32_t line = 0;
    for (int q = 0; q < 8; q++)
        line |= (word_at(qh + 4 * q) >> shift & 0x01010101u) << q;
    return line;
}

/* Bit plane of 32 columns whose bits follow each other: bit 4q + b goes to bit q of byte b. */
static inline uint32_t bits_32(const uint8_t *qh)
{
    uint32_t in = word_at(qh), line = 0;
    for (int q = 0; q < 8; q++) /* the product spreads a quad's four bits over four bytes */
        line |= ((in >> 4 * q & 15) * 0x00204081u & 0x01010101u) << q;
    return line;
}

static void words_q4_0(const uint8_t *src, struct words *w)
{
    w->d = word_at(src) & 0xffff;
    nibbles_32(w->line, src + 2);
}

static void words_q4_1(const uint8_t *src, struct words *w)
{
    w->d = word_at(src) & 0xffff;
    w->m = word_at(src) >> 16;
    nibbles_32(w->line, src + 4);
}

static void words_q5_0(const uint8_t *src, struct words *w)
{
    w->d = word_at(src) & 0xffff;
    nibbles_32(w->line, src + 6);
    w->line[4] = bits_32(src + 2);
}

static void words_q5_1(const uint8_t *src, struct words *w)
{
    w->d = word_at(src) & 0xffff;
    w->m = word_at(src) >> 16;
    nibbles_32(w->line, src + 8);
    w->line[4] = bits_32(src + 4);
}

static void words_q8_0(const uint8_t *src, struct words *w)
{
    w->d = word_at(src) & 0xffff;
    memcpy(w->line, src + 2, 32);
}

static void words_q2_k(const uint8_t *src, struct words *w)
{
    struct hz_q2_k b;
    memcpy(&b, src, sizeof b);
    w->d = b.d;
    w->m = b.m;
    memcpy(w->scale, b.scales, 16);
    for (int u = 0; u < 8; u++)
        pairs_at(w->line + 2 * u, b.qs + u / 4 * 32, u % 4 * 2);
}

static void words_q3_k(const uint8_t *src, struct words *w)
{
    struct hz_q3_k b;
    memcpy(&b, src, sizeof b);
    w->d = b.d;
    hz_scales_q3(b.scales, w->scale);
    for (int u = 0; u < 8; u++) {
        pairs_at(w->line + 3 * u, b.qs + u / 4 * 32, u % 4 * 2);
        w->line[3 * u + 2] = bits_at(b.hmask, u);
    }
}

static void words_q4_k(const uint8_t *src, struct words *w)
{
    struct hz_q4_k b;
    memcpy(&b, src, sizeof b);
    w->d = b.d;
    w->m = b.m;
    hz_scales_6bit(b.scales, w->scale, w->min);
    for (int u = 0; u < 8; u++)
        nibbles_at(w->line + 4 * u, b.qs + u / 2 * 32, u % 2 * 4);
}

static void words_q5_k(const uint8_t *src, struct words *w)
{
    struct hz_q5_k b;
    memcpy(&b, src, sizeof b);
    w->d = b.d;
    w->m = b.m;
    hz_scales_6bit(b.scales, w->scale, w->min);
    for (int u = 0; u < 8; u++) {
        nibbles_at(w->line + 5 * u, b.qs + u / 2 * 32, u % 2 * 4);
        w->line[5 * u + 4] = bits_at(b.qh, u);
    }
}

static void words_q6_k(const uint8_t *src, struct words *w)
{
    struct hz_q6_k b;
    memcpy(&b, src, sizeof b);
    w->d = b.d;
    memcpy(w->scale, b.scales, 16);
    for (int u = 0; u < 8; u++) {
        nibbles_at(w->line + 6 * u, b.ql + u / 4 * 64 + u % 2 * 32, u % 4 / 2 * 4);
        pairs_at(w->line + 6 * u + 4, b.qh + u / 4 * 32, u % 4 * 2);
    }
}

static void words_q8_k(const uint8_t *src, struct words *w)
{
    w->d = word_at(src);
    memcpy(w->line, src + 4, 256);
}

/* ---- pieces ---------------------------------------------------------------------------------------------------- */

/* Inlined where `format` is a constant. */
static inline __attribute__((always_inline)) void pack(const struct hz_format *f, uint32_t block_bytes,
                                                       void (*words)(const uint8_t *, struct words *),
                                                       const void *const *rows_at, uint32_t rows, uint32_t k,
                                                       uint8_t *tile)
{
    const struct hz_tile_layout l = hz_tile_layout(f);
    struct words w;
    memset(&w, 0, sizeof w);
    for (uint32_t at = 0; at < k; at += f->block, tile += l.bytes) {
        if (rows < HZ_TILE)
            memset(tile, 0, l.bytes);
        for (uint32_t r = 0; r < rows; r++) {
            words((const uint8_t *)rows_at[r] + (size_t)(at / f->block) * block_bytes, &w);
            memcpy(tile + (f->d_f32 ? 4 : 2) * r, &w.d, f->d_f32 ? 4 : 2);
            if (l.m)
                memcpy(tile + l.m + 2 * r, &w.m, 2);
            for (uint32_t g = 0; l.scale && g < f->block / f->group; g += 2) {
                memcpy(tile + l.scale + 16 * g + 2 * r, w.scale + g, 2);
                if (l.min)
                    memcpy(tile + l.min + 16 * g + 2 * r, w.min + g, 2);
            }
            for (uint32_t i = 0; i < f->block / 32 * f->bits; i++)
                memcpy(tile + l.lines + i * HZ_LINE + 4 * r, &w.line[i], 4);
        }
    }
}

/* Out of a lane's byte in each plane: the bits of one quad. */
static inline uint32_t nibble(const uint8_t *lane, uint32_t quad)
{
    return lane[quad % 4 * HZ_LINE] >> (quad / 4 * 4) & 15;
}

static inline uint32_t pair(const uint8_t *lane, uint32_t quad)
{
    return lane[quad / 4 * HZ_LINE] >> (quad % 4 * 2) & 3;
}

static inline uint32_t bit(const uint8_t *lane, uint32_t quad)
{
    return lane[0] >> quad & 1;
}

/* Code of column c, 0 .. 31, of a unit. */
static uint8_t code_at(const uint8_t *unit, uint32_t r, uint32_t c, uint32_t bits)
{
    uint32_t q = c / 4;
    const uint8_t *lane = unit + 4 * r + c % 4, *second = lane + (bits < 4 ? 2 : 4) * HZ_LINE; /* plane */
    switch (bits) {
    case 2:
        return (uint8_t)pair(lane, q);
    case 3:
        return (uint8_t)(pair(lane, q) | bit(second, q) << 2);
    case 4:
        return (uint8_t)nibble(lane, q);
    case 5:
        return (uint8_t)(nibble(lane, q) | bit(second, q) << 4);
    case 6:
        return (uint8_t)(nibble(lane, q) | pair(second, q) << 4);
    default:
        return lane[q * HZ_LINE];
    }
}

static void unpack(const struct hz_format *f, const uint8_t *tile, uint32_t r, uint32_t k, float *out)
{
    const struct hz_tile_layout l = hz_tile_layout(f);
    uint32_t unit = f->bits * HZ_LINE, groups = f->group ? f->block / f->group : 0;
    struct hz_codes c = {.d = 0};
    for (uint32_t at = 0; at < k; at += f->block, tile += l.bytes) {
        memcpy(&c.d, tile + (f->d_f32 ? 4 : 2) * r, f->d_f32 ? 4 : 2);
        if (l.m)
            memcpy(&c.m, tile + l.m + 2 * r, 2);
        for (uint32_t g = 0; g < groups; g++) {
            uint8_t s = tile[l.scale + g / 2 * 32 + 2 * r + g % 2];
            c.scale[g] = (int8_t)(f->bits == 2 ? s & 15 : s);
            if (f->mins)
                c.min[g] = (int8_t)(f->bits == 2 ? s >> 4 : tile[l.min + g / 2 * 32 + 2 * r + g % 2]);
        }
        for (uint32_t i = 0; i < f->block; i++)
            c.code[i] = code_at(tile + l.lines + i / 32 * unit, r, i % 32, f->bits);
        hz_codes_values(f, &c, out + at);
    }
}

#define BLOCK_TYPE(ID, id, ...)                                                                                        \
    static void pack_##id(const void *const *rows_at, uint32_t rows, uint32_t k, uint8_t *tile)                        \
    {                                                                                                                  \
        const struct hz_format format = {__VA_ARGS__, NULL};                                                           \
        pack(&format, sizeof(struct hz_##id), words_##id, rows_at, rows, k, tile);                                     \
    }                                                                                                                  \
    static void unpack_##id(const uint8_t *tile, uint32_t r, uint32_t k, float *out)                                   \
    {                                                                                                                  \
        unpack(&hz_formats[HZ_##ID], tile, r, k, out);                                                                 \
    }
HZ_FORMAT_MAP(BLOCK_TYPE)

/* ---- dense ------------------------------------------------------------------------------------------------------ */

static void pack_f32(const void *const *rows_at, uint32_t rows, uint32_t k, uint8_t *tile)
{
    memset(tile, 0, ((size_t)k + 31) / 32 * HZ_TILE_F32);
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t i = 0; i < k; i++)
            memcpy(tile + ((size_t)i * HZ_TILE + r) * 4, (const uint8_t *)rows_at[r] + 4 * (size_t)i, 4);
}

static void pack_f16(const void *const *rows_at, uint32_t rows, uint32_t k, uint8_t *tile)
{
    memset(tile, 0, ((size_t)k + 31) / 32 * HZ_TILE_F16);
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t i = 0; i < k; i++)
            memcpy(tile + ((size_t)i * HZ_TILE + r) * 2, (const uint8_t *)rows_at[r] + 2 * (size_t)i, 2);
}

static inline size_t bf16_at(uint32_t r, uint32_t i)
{
    return ((size_t)(i / 2) * HZ_TILE + r) * 4 + i % 2 * 2;
}

static void pack_bf16(const void *const *rows_at, uint32_t rows, uint32_t k, uint8_t *tile)
{
    memset(tile, 0, ((size_t)k + 31) / 32 * HZ_TILE_BF16);
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t i = 0; i < k; i++)
            memcpy(tile + bf16_at(r, i), (const uint8_t *)rows_at[r] + 2 * (size_t)i, 2);
}

static void unpack_f32(const uint8_t *tile, uint32_t r, uint32_t k, float *out)
{
    for (uint32_t i = 0; i < k; i++)
        memcpy(&out[i], tile + ((size_t)i * HZ_TILE + r) * 4, 4);
}

static inline uint16_t half_at(const uint8_t *p)
{
    uint16_t h;
    memcpy(&h, p, 2);
    return h;
}

static void unpack_f16(const uint8_t *tile, uint32_t r, uint32_t k, float *out)
{
    for (uint32_t i = 0; i < k; i++)
        out[i] = hz_f16_f32(half_at(tile + ((size_t)i * HZ_TILE + r) * 2));
}

static void unpack_bf16(const uint8_t *tile, uint32_t r, uint32_t k, float *out)
{
    for (uint32_t i = 0; i < k; i++)
        out[i] = hz_bf16_f32(half_at(tile + bf16_at(r, i)));
}

/* ---- for all ----------------------------------------------------------------------------------------------------- */

void hz_tile_fill(struct hz_linear_kern linear[HZ_DTYPES])
{
#define ENTRY(ID, id, block, ...) [HZ_##ID] = {0, block, HZ_TILE_##ID, pack_##id, unpack_##id},
    static const struct hz_linear_kern tiles[HZ_DTYPES] = {HZ_FORMAT_MAP(ENTRY) ENTRY(F32, f32, 32) ENTRY(F16, f16, 32)
                                                               ENTRY(BF16, bf16, 32)};
    for (int i = 0; i < HZ_DTYPES; i++) {
        linear[i].tile_block = tiles[i].tile_block;
        linear[i].tile_bytes = tiles[i].tile_bytes;
        linear[i].pack = tiles[i].pack;
        linear[i].unpack = tiles[i].unpack;
    }
}

/* Row by row: of types that no rung makes F32 itself, and the reference of those that one does. */
static void rows_to_f32(const struct hz_linear_kern *linear, const uint8_t *tile, uint32_t k, float *out)
{
    float row[256];
    for (uint32_t at = 0; at < k; at += linear->tile_block, tile += linear->tile_bytes) {
        uint32_t n = HZ_MIN(linear->tile_block, k - at);
        for (uint32_t r = 0; r < HZ_TILE; r++) {
            linear->unpack(tile, r, n, row);
            for (uint32_t i = 0; i < n; i++)
                out[(size_t)(at + i) * HZ_TILE + r] = row[i];
        }
    }
}

void hz_tile_to_f32(const struct hz_linear_kern *linear, const uint8_t *tile, uint32_t k, float *out)
{
    if (linear->to_f32)
        linear->to_f32(tile, k, out);
    else
        rows_to_f32(linear, tile, k, out);
    if (k % 32)
        memset(out + (size_t)k * HZ_TILE, 0, (size_t)(32 - k % 32) * HZ_TILE * sizeof *out);
}
