/* ucd.c - code point properties: utf8proc, corrected for the versions and habits of others. */
#include "token/ucd.h"

#include <utf8proc.h>

#include <stdlib.h>

enum { ASCII = 0x80 };

static const struct hz_ucd_range *young(uint32_t cp)
{
    size_t lo = 0, hi = hz_ucd_n_young;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct hz_ucd_range *r = &hz_ucd_young[mid];
        if (cp > r->last)
            lo = mid + 1;
        else if (cp < r->first)
            hi = mid;
        else
            return r;
    }
    return NULL;
}

int hz_ucd_category(uint32_t cp)
{
    int category = utf8proc_category((utf8proc_int32_t)cp);
    if (category != UTF8PROC_CATEGORY_CN)
        return category;
    const struct hz_ucd_range *r = young(cp);
    return r ? r->category : category;
}

int hz_ucd_since(uint32_t cp)
{
    const struct hz_ucd_range *r = cp < ASCII ? NULL : young(cp);
    return r ? r->since : 0;
}

bool hz_ucd_is_space(uint32_t cp)
{
    if (cp < ASCII)
        return cp == ' ' || (cp >= '\t' && cp <= '\r');
    return cp == 0x85 || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 ||
           cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

static bool is_letter(int category)
{
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

static bool is_mark(int category)
{
    return category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
}

bool hz_ucd_is_number(uint32_t cp)
{
    if (cp < ASCII)
        return cp >= '0' && cp <= '9';
    int c = hz_ucd_category(cp);
    return (c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO) || (cp >= 0x11DE0 && cp <= 0x11DE9) ||
           (cp >= 0x16FF4 && cp <= 0x16FF6); /* the last two: Unicode 17 */
}

/* Alphabetic but no letter and no mark: circled and squared Latin letters. */
static bool is_circled(uint32_t cp)
{
    return (cp >= 0x24B6 && cp <= 0x24E9) || (cp >= 0x1F130 && cp <= 0x1F149) || (cp >= 0x1F150 && cp <= 0x1F169) ||
           (cp >= 0x1F170 && cp <= 0x1F189);
}

bool hz_ucd_is_word(uint32_t cp)
{
    if (cp < ASCII)
        return (cp >= '0' && cp <= '9') || (cp >= 'A' && cp <= 'Z') || (cp >= 'a' && cp <= 'z') || cp == '_';
    int c = hz_ucd_category(cp);
    return is_letter(c) || is_mark(c) || c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL ||
           c == UTF8PROC_CATEGORY_PC || is_circled(cp) || cp == 0x200C || cp == 0x200D;
}

bool hz_ucd_is_punctuation(uint32_t cp)
{
    if (cp < ASCII)
        return cp > ' ' && cp < 0x7F && !hz_ucd_is_word(cp) ? true : cp == '_';
    if (cp == 0x166D || cp == 0x111C9) /* were punctuation in Unicode 8 */
        return true;
    int c = utf8proc_category((utf8proc_int32_t)cp);
    return c >= UTF8PROC_CATEGORY_PC && c <= UTF8PROC_CATEGORY_PO && !hz_ucd_since(cp);
}

bool hz_ucd_is_control(uint32_t cp)
{
    if (cp == '\t' || cp == '\n' || cp == '\r')
        return false;
    int c = utf8proc_category((utf8proc_int32_t)cp);
    return c == UTF8PROC_CATEGORY_CC || c == UTF8PROC_CATEGORY_CO || (c == UTF8PROC_CATEGORY_CF && !hz_ucd_since(cp));
}

bool hz_ucd_is_combining(uint32_t cp)
{
    if (cp == 0x1CF2 || cp == 0x1CF3) /* were marks in Unicode 9 */
        return true;
    return is_mark(utf8proc_category((utf8proc_int32_t)cp)) && hz_ucd_since(cp) <= 9 && cp != 0x1CF7 && cp != 0x180F &&
           cp != 0x111C9;
}

bool hz_ucd_is_nonspacing(uint32_t cp)
{
    if (cp == 0x1734) /* Mn until Unicode 14 */
        return true;
    return utf8proc_category((utf8proc_int32_t)cp) == UTF8PROC_CATEGORY_MN && !hz_ucd_since(cp) && cp != 0x1885 &&
           cp != 0x1886 && cp != 0xA9BD && cp != 0x111C9;
}

bool hz_ucd_is_cjk(uint32_t cp)
{
    /* The sixth range begins at 2B920 in the definition too, not at 2B820 where the block does. */
    return (cp >= 0x4E00 && cp <= 0x9FFF) || (cp >= 0x3400 && cp <= 0x4DBF) || (cp >= 0x20000 && cp <= 0x2A6DF) ||
           (cp >= 0x2A700 && cp <= 0x2B73F) || (cp >= 0x2B740 && cp <= 0x2B81F) || (cp >= 0x2B920 && cp <= 0x2CEAF) ||
           (cp >= 0xF900 && cp <= 0xFAFF) || (cp >= 0x2F800 && cp <= 0x2FA1F);
}

/* Pairs of Unicode 15 to 17: first to last map to themselves plus delta, every second one if step is 2. */
static const struct {
    uint32_t first, last;
    int32_t delta;
} lower_young[] = {
    {0x1C89, 0x1C89, 1},    {0xA7CB, 0xA7CB, 0x264 - 0xA7CB},
    {0xA7CC, 0xA7CC, 1},    {0xA7CE, 0xA7CE, 1},
    {0xA7D2, 0xA7D2, 1},    {0xA7D4, 0xA7D4, 1},
    {0xA7DA, 0xA7DA, 1},    {0xA7DC, 0xA7DC, 0x19B - 0xA7DC},
    {0x10D50, 0x10D65, 32}, {0x16EA0, 0x16EB8, 27},
};

int hz_ucd_lower(uint32_t cp, uint32_t out[2])
{
    if (cp < ASCII) {
        out[0] = cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
        return 1;
    }
    if (cp == 0x130) { /* the one whose lower case is longer */
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    out[0] = (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp);
    for (size_t i = 0; out[0] == cp && i < sizeof lower_young / sizeof *lower_young; i++)
        if (cp >= lower_young[i].first && cp <= lower_young[i].last)
            out[0] = (uint32_t)((int32_t)cp + lower_young[i].delta);
    return 1;
}
