/* py_case.c - upper and lower case, and the classes of characters. */
#include "text/py.h"
#include "text/py_case_table.h"
#include "text/utf8.h"

#include <utf8proc.h>

#include <string.h>

/* ---- classes of code points ------------------------------------------------------------------------------------- */

struct range {
    uint32_t first, last;
};

static bool in_ranges(uint32_t cp, const struct range *r, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (cp >= r[i].first && cp <= r[i].last)
            return true;
    return false;
}

static utf8proc_category_t category(uint32_t cp)
{
    return utf8proc_category((utf8proc_int32_t)cp);
}

bool hz_py_is_printable(uint32_t cp)
{
    if (cp < 0x7F)
        return cp >= 0x20;
    switch (category(cp)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
        return false;
    default:
        return true;
    }
}

static bool is_alpha(uint32_t cp)
{
    utf8proc_category_t c = category(cp);
    return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

/* Numeric_Type Digit or Decimal. */
static bool is_digit(uint32_t cp)
{
    static const struct range digits[] = {
        {0xB2, 0xB3},     {0xB9, 0xB9},       {0x1369, 0x1371},   {0x19DA, 0x19DA},   {0x2070, 0x2070},
        {0x2074, 0x2079}, {0x2080, 0x2089},   {0x2460, 0x2468},   {0x2474, 0x247C},   {0x2488, 0x2490},
        {0x24EA, 0x24EA}, {0x24F5, 0x24FD},   {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},
        {0x278A, 0x2792}, {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A}, {0x1F100, 0x1F10A}};
    return category(cp) == UTF8PROC_CATEGORY_ND || in_ranges(cp, digits, HZ_COUNT(digits));
}

static bool is_numeric(uint32_t cp)
{
    utf8proc_category_t c = category(cp);
    return c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_NO;
}

bool hz_py_is_word(uint32_t cp)
{
    if (cp < 0x80)
        return (cp >= '0' && cp <= '9') || ((cp | 0x20) >= 'a' && (cp | 0x20) <= 'z') || cp == '_';
    return is_alpha(cp) || is_numeric(cp);
}

static bool is_upper(uint32_t cp)
{
    static const struct range others[] = {
        {0x2160, 0x216F}, {0x24B6, 0x24CF}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};
    return category(cp) == UTF8PROC_CATEGORY_LU || in_ranges(cp, others, HZ_COUNT(others));
}

static bool is_lower(uint32_t cp)
{
    static const struct range others[] = {
        {0xAA, 0xAA},       {0xBA, 0xBA},       {0x2B0, 0x2B8},     {0x2C0, 0x2C1},    {0x2E0, 0x2E4},
        {0x345, 0x345},     {0x37A, 0x37A},     {0x1D2C, 0x1D6A},   {0x1D78, 0x1D78},  {0x1D9B, 0x1DBF},
        {0x2071, 0x2071},   {0x207F, 0x207F},   {0x2090, 0x209C},   {0x2170, 0x217F},  {0x24D0, 0x24E9},
        {0x2C7C, 0x2C7D},   {0xA69C, 0xA69D},   {0xA770, 0xA770},   {0xA7F8, 0xA7F9},  {0xAB5C, 0xAB5F},
        {0x10780, 0x10780}, {0x10783, 0x10785}, {0x10787, 0x107B0}, {0x107B2, 0x107BA}};
    return category(cp) == UTF8PROC_CATEGORY_LL || in_ranges(cp, others, HZ_COUNT(others));
}

static bool is_title(uint32_t cp)
{
    return category(cp) == UTF8PROC_CATEGORY_LT;
}

static bool is_cased(uint32_t cp)
{
    return is_upper(cp) || is_lower(cp) || is_title(cp);
}

/* Characters that do not end a word for the sake of the final sigma. */
static bool is_case_ignorable(uint32_t cp)
{
    static const uint32_t marks[] = {0x27,   0x2E,   0x3A,   0xB7,   0x387,  0x55F,  0x5F4,  0x2018, 0x2019,
                                     0x2024, 0x2027, 0xFE13, 0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
    for (size_t i = 0; i < HZ_COUNT(marks); i++)
        if (cp == marks[i])
            return true;
    utf8proc_category_t c = category(cp);
    return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_ME || c == UTF8PROC_CATEGORY_CF ||
           c == UTF8PROC_CATEGORY_LM || c == UTF8PROC_CATEGORY_SK;
}

/* ---- changing case ---------------------------------------------------------------------------------------------- */

static const struct special_case *special_of(uint32_t cp)
{
    size_t low = 0, high = HZ_COUNT(special_cases);
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (special_cases[mid].cp == cp)
            return &special_cases[mid];
        if (special_cases[mid].cp < cp)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static void put_upper(struct hz_py_sb *sb, uint32_t cp, bool title)
{
    const struct special_case *s = cp >= 0x80 ? special_of(cp) : NULL;
    if (!s) {
        utf8proc_int32_t c = (utf8proc_int32_t)cp;
        hz_py_sb_cp(sb, (uint32_t)(title ? utf8proc_totitle(c) : utf8proc_toupper(c)));
        return;
    }
    const uint16_t *to = title ? s->title : s->upper;
    for (int i = 0; i < 3 && to[i]; i++)
        hz_py_sb_cp(sb, to[i]);
}

/* A sigma is final if a cased letter comes before it and none after it, ignorable characters aside. */
static bool is_final_sigma(const struct hz_py_str *s, size_t at)
{
    uint32_t cp = 0;
    size_t i = at;
    bool before = false;
    while (i > 0 && !before) {
        do
            i--;
        while (i > 0 && ((unsigned char)s->data[i] & 0xC0) == 0x80);
        hz_utf8_decode(s->data + i, s->len - i, &cp);
        if (!is_case_ignorable(cp)) {
            before = is_cased(cp);
            break;
        }
    }
    for (i = at + 2; before && i < s->len;) {
        size_t n = hz_utf8_decode(s->data + i, s->len - i, &cp);
        if (!is_case_ignorable(cp))
            return !is_cased(cp);
        i += n ? n : 1;
    }
    return before;
}

static void put_lower(struct hz_py_sb *sb, const struct hz_py_str *s, size_t at, uint32_t cp)
{
    if (cp == 0x3A3) {
        hz_py_sb_cp(sb, is_final_sigma(s, at) ? 0x3C2 : 0x3C3);
        return;
    }
    hz_py_sb_cp(sb, cp == 0x130 ? 'i' : (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp));
    if (cp == 0x130)
        hz_py_sb_cp(sb, 0x307);
}

static void put_folded(struct hz_py_sb *sb, uint32_t cp)
{
    utf8proc_int32_t to[8];
    int boundary = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)cp, to, 8, UTF8PROC_CASEFOLD, &boundary);
    for (utf8proc_ssize_t i = 0; i < n && i < 8; i++)
        hz_py_sb_cp(sb, (uint32_t)to[i]);
}

hz_status hz_py_change_case(struct hz_py *py, enum hz_py_case to, struct hz_py_val s, struct hz_py_val *out)
{
    struct hz_py_sb sb;
    hz_py_sb_begin(&sb, py);
    bool after_cased = false;
    HZ_TRY(hz_py_step(py, s.str->len / 16));
    for (size_t i = 0, n; i < s.str->len && sb.status == HZ_OK; i += n ? n : 1) {
        uint32_t cp;
        n = hz_utf8_decode(s.str->data + i, s.str->len - i, &cp);
        if (to == HZ_PY_UPPER || (to == HZ_PY_SWAPCASE && is_lower(cp)))
            put_upper(&sb, cp, false);
        else if (to == HZ_PY_CASEFOLD)
            put_folded(&sb, cp);
        else if ((to == HZ_PY_TITLE && !after_cased) || (to == HZ_PY_CAPITALIZE && i == 0))
            put_upper(&sb, cp, true);
        else if (to == HZ_PY_SWAPCASE && !is_upper(cp))
            hz_py_sb_cp(&sb, cp);
        else
            put_lower(&sb, s.str, i, cp);
        if (to == HZ_PY_TITLE)
            after_cased = is_cased(cp);
    }
    HZ_TRY(hz_py_sb_end(&sb, out));
    out->safe = s.safe;
    return HZ_OK;
}

/* ---- classes of strings ----------------------------------------------------------------------------------------- */

static bool is_ascii(uint32_t cp)
{
    return cp < 0x80;
}

static bool is_decimal(uint32_t cp)
{
    return category(cp) == UTF8PROC_CATEGORY_ND;
}

static bool is_alnum(uint32_t cp)
{
    return is_alpha(cp) || is_numeric(cp);
}

static bool all_of(const struct hz_py_str *s, bool (*is)(uint32_t), bool of_empty)
{
    for (size_t i = 0, n; i < s->len; i += n ? n : 1) {
        uint32_t cp;
        n = hz_utf8_decode(s->data + i, s->len - i, &cp);
        if (!is(cp))
            return false;
    }
    return s->len ? true : of_empty;
}

/* istitle, or with other != NULL: at least one cased letter and none that `other` finds. */
static bool case_of(const struct hz_py_str *s, bool (*wanted)(uint32_t), bool (*other)(uint32_t))
{
    bool any = false, after_cased = false;
    for (size_t i = 0, n; i < s->len; i += n ? n : 1) {
        uint32_t cp;
        n = hz_utf8_decode(s->data + i, s->len - i, &cp);
        if (other) {
            if (other(cp) || is_title(cp))
                return false;
            any = any || wanted(cp);
            continue;
        }
        bool starts = is_upper(cp) || is_title(cp);
        if (starts == after_cased && (starts || is_lower(cp)))
            return false;
        any = any || starts || is_lower(cp);
        after_cased = starts || is_lower(cp);
    }
    return any;
}

static bool is_identifier(const struct hz_py_str *s)
{
    for (size_t i = 0, n; i < s->len; i += n ? n : 1) {
        uint32_t cp;
        n = hz_utf8_decode(s->data + i, s->len - i, &cp);
        utf8proc_category_t c = category(cp);
        bool start = cp == '_' || is_alpha(cp) || c == UTF8PROC_CATEGORY_NL;
        bool more = c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_MC || c == UTF8PROC_CATEGORY_ND ||
                    c == UTF8PROC_CATEGORY_PC;
        if (!start && !(i && more))
            return false;
    }
    return s->len > 0;
}

bool hz_py_str_class(struct hz_py_val s, const char *method)
{
    static const struct {
        const char *name;
        bool (*is)(uint32_t);
        bool of_empty;
    } classes[] = {{"isalnum", is_alnum, false},
                   {"isalpha", is_alpha, false},
                   {"isascii", is_ascii, true},
                   {"isdecimal", is_decimal, false},
                   {"isdigit", is_digit, false},
                   {"isnumeric", is_numeric, false},
                   {"isprintable", hz_py_is_printable, true},
                   {"isspace", hz_utf8_is_space, false}};
    for (size_t i = 0; i < HZ_COUNT(classes); i++)
        if (!strcmp(method, classes[i].name))
            return all_of(s.str, classes[i].is, classes[i].of_empty);
    if (!strcmp(method, "isupper"))
        return case_of(s.str, is_upper, is_lower);
    if (!strcmp(method, "islower"))
        return case_of(s.str, is_lower, is_upper);
    return !strcmp(method, "istitle") ? case_of(s.str, NULL, NULL) : is_identifier(s.str);
}
