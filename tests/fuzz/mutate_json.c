/* A mutator for targets that read JSON. Random bytes seldom leave a document readable; this one moves whole values: it
 * puts one in another's place, drops or doubles a member, or writes a number that readers get wrong. Half of the time
 * libFuzzer's own mutations are made, of the whole input or inside a string. What is no JSON behind the document (a
 * text to encode) is left to those. */
#include <stdint.h>
#include <string.h>

enum { MAX_VALUES = 4096 };

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

struct span {
    size_t from, to; /* of a value, or of a member with its key */
};

static struct span values[MAX_VALUES];
static size_t n_values;

static uint32_t draw(uint64_t *state, size_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*state >> 33) % (below ? below : 1));
}

static size_t end_of_string(const uint8_t *s, size_t at, size_t size)
{
    for (at++; at < size && s[at] != '"'; at++)
        at += s[at] == '\\';
    return at + 1;
}

/* Lists the spans of all values; whether the brackets make sense does not matter. */
static void list_values(const uint8_t *s, size_t size)
{
    size_t open[64], depth = 0;
    n_values = 0;
    for (size_t at = 0; at < size && n_values < MAX_VALUES;) {
        size_t from = at;
        if (strchr("{[", s[at]) && s[at]) {
            if (depth < 64)
                open[depth] = at;
            depth++;
            at++;
            continue;
        }
        if (strchr("}]", s[at]) && s[at]) {
            at++;
            if (depth && --depth < 64)
                values[n_values++] = (struct span){open[depth], at};
            if (!depth)
                return;
            continue;
        }
        if (s[at] == '"')
            at = end_of_string(s, at, size);
        else
            while (at < size && !strchr(",:]} \n\t\r", s[at]))
                at++;
        if (at > from && at <= size)
            values[n_values++] = (struct span){from, at};
        else
            at = from + 1;
    }
}

/* From the key, if there is one, to the comma, if there is one. */
static struct span member(const uint8_t *s, size_t size, struct span v)
{
    size_t from = v.from, to = v.to;
    if (from > 1 && (s[from - 1] == ':' || (s[from - 1] == ' ' && s[from - 2] == ':'))) {
        from -= s[from - 1] == ':' ? 1 : 2;
        if (from && s[from - 1] == '"')
            for (from--; from && s[from - 1] != '"';)
                from--;
        from -= from > 0;
    }
    while (to < size && s[to] == ' ')
        to++;
    to += to < size && s[to] == ',';
    return (struct span){from, to};
}

/* Puts len bytes in the place of a span; the size after that, or 0 if it does not fit. */
static size_t replace(uint8_t *data, size_t size, size_t max_size, struct span v, const void *with, size_t len)
{
    if (size - (v.to - v.from) + len > max_size)
        return 0;
    memmove(data + v.from + len, data + v.to, size - v.to);
    memcpy(data + v.from, with, len);
    return size - (v.to - v.from) + len;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static const char *const odd[] = {"0",
                                      "1",
                                      "-1",
                                      "2",
                                      "3",
                                      "255",
                                      "256",
                                      "65536",
                                      "2147483647",
                                      "2147483648",
                                      "4294967295",
                                      "4294967296",
                                      "9223372036854775807",
                                      "9223372036854775808",
                                      "-9223372036854775808",
                                      "1e308",
                                      "1e-320",
                                      "0.5",
                                      "-0.0",
                                      "NaN",
                                      "Infinity",
                                      "-Infinity",
                                      "null",
                                      "true",
                                      "false",
                                      "\"\"",
                                      "\" \"",
                                      "\"a\"",
                                      "\"\\u0000\"",
                                      "\"\\ud800\"",
                                      "\"\xC3\xA9\"",
                                      "[]",
                                      "{}",
                                      "[[]]",
                                      "[null]",
                                      "[0]",
                                      "[\"a\"]"};
    static uint8_t copy[1 << 16];
    uint64_t state = seed;
    unsigned kind = draw(&state, 8);
    size_t got = 0;
    if (kind < 2 || (size > 4 && !memcmp(data, "GGUF", 4)))
        return LLVMFuzzerMutate(data, size, max_size);
    list_values(data, size);
    if (!n_values)
        return LLVMFuzzerMutate(data, size, max_size);
    struct span v = values[draw(&state, n_values)], w = values[draw(&state, n_values)];
    if (kind < 4) {
        const char *s = odd[draw(&state, sizeof odd / sizeof *odd)];
        got = replace(data, size, max_size, v, s, strlen(s));
    } else if (kind == 4) {
        got = replace(data, size, max_size, member(data, size, v), "", 0);
    } else if (kind == 7) { /* within a value of at least two bytes, and its quotes stay */
        if (v.to - v.from > 2 && v.to - v.from < sizeof copy / 2) {
            memcpy(copy, data + v.from + 1, v.to - v.from - 2);
            size_t len = LLVMFuzzerMutate(copy, v.to - v.from - 2, sizeof copy / 2);
            got = replace(data, size, max_size, (struct span){v.from + 1, v.to - 1}, copy, len);
        }
    } else {
        struct span from = kind == 5 ? w : member(data, size, w);
        struct span to = kind == 5 ? v : (struct span){member(data, size, v).from, member(data, size, v).from};
        if (from.to - from.from < sizeof copy) {
            memcpy(copy, data + from.from, from.to - from.from);
            got = replace(data, size, max_size, to, copy, from.to - from.from);
        }
    }
    return got ? got : LLVMFuzzerMutate(data, size, max_size);
}
