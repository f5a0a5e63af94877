/* gguf_pre.c - the pre-tokenizers that GGUF files name.
 *
 * llama.cpp has some of these as expressions for std::regex and some written out; both mean what stands here. Where it
 * knows no case-insensitive groups it lists both cases, and where it knows only categories as a whole (Lu is L there)
 * it looks ahead for a letter that is not a-z. */
#include "token/gguf_pre.h"

#include "token/ucd.h"

#include <utf8proc.h>

#include <string.h>

#define CONTRACTION "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
#define NEWLINES    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define WORD        "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define SYMBOLS     " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
#define GPT2        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define LLAMA3      CONTRACTION "|" WORD "|\\p{N}{1,3}|" SYMBOLS "|" NEWLINES
#define QWEN2       CONTRACTION "|" WORD "|\\p{N}|" SYMBOLS "|" NEWLINES
#define DEEPSEEK3                                                                                                      \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"                \
    "| ?[\\p{P}\\p{S}]+[\\r\\n]*|" NEWLINES
#define CJK "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+"
/* U+0800 to U+4E00 and Hangul, but no blanks: llama.cpp makes blanks beyond ASCII unrecognizable to sets. */
#define WIDE  "(?:(?!\\s)[\\x{4E00}-\\x{9FA5}\\x{800}-\\x{4E00}\\x{AC00}-\\x{D7FF}])+"
#define LINES "[^\\n]+|\\n+"
/* A word of capitals and a tail of small letters, or either alone; without case both. With marks: _M. */
#define UPPER   "(?:(?=\\p{L})[^a-z])"
#define LOWER   "(?:(?=\\p{L})[^A-Z])"
#define UPPER_M "(?:(?=[\\p{L}\\p{M}])[^a-z])"
#define LOWER_M "(?:(?=[\\p{L}\\p{M}])[^A-Z])"
#define CASED(upper, lower, tail)                                                                                      \
    "[^\\r\\n\\p{L}\\p{N}]?" upper "*" lower "+" tail "|[^\\r\\n\\p{L}\\p{N}]?" upper "+" lower "*" tail
#define SYMBOLS_SLASH " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*"
#define GPT4O         CASED(UPPER, LOWER, CONTRACTION "?") "|\\p{N}{1,3}|" SYMBOLS_SLASH "|" NEWLINES
#define TEKKEN        CASED(UPPER, LOWER, "") "|\\p{N}|" SYMBOLS_SLASH "|" NEWLINES
#define LETTER_M      "[\\p{L}\\p{M}]"
#define CASELESS      CASED(LETTER_M, LETTER_M, CONTRACTION "?")
#define HAN                                                                                                            \
    "\\x{4E00}-\\x{9FFF}\\x{3400}-\\x{4DBF}\\x{20000}-\\x{2A6DF}\\x{2A700}-\\x{2B73F}\\x{2B740}-\\x{2B81F}"            \
    "\\x{2B820}-\\x{2CEAF}\\x{2CEB0}-\\x{2EBEF}\\x{F900}-\\x{FAFF}\\x{2F800}-\\x{2FA1F}"
#define BLOOM  " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{FF0C}\\x{3001}\\x{964}\\x{6D4}\\x{60C})]+"
#define DIGITS "#digits" /* threes from the right */
/* The cased letters of Unicode 12. */
#define DEEPSEEK_LETTERS                                                                                               \
    "A-Za-z\\x{B5}\\x{C0}-\\x{D6}\\x{D8}-\\x{F6}\\x{F8}-\\x{1BA}\\x{1BC}-\\x{1BF}\\x{1C4}-\\x{293}"                    \
    "\\x{295}-\\x{2AF}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37B}-\\x{37D}\\x{37F}\\x{386}\\x{388}-\\x{38A}"             \
    "\\x{38C}\\x{38E}-\\x{3A1}\\x{3A3}-\\x{3F5}\\x{3F7}-\\x{481}\\x{48A}-\\x{52F}\\x{531}-\\x{556}"                    \
    "\\x{10A0}-\\x{10C5}\\x{13A0}-\\x{13F5}\\x{13F8}-\\x{13FD}\\x{1C90}-\\x{1CBA}\\x{1CBD}-\\x{1CBF}"                  \
    "\\x{1D00}-\\x{1D2B}\\x{1D6B}-\\x{1D77}\\x{1D79}-\\x{1D9A}\\x{1E00}-\\x{1F15}\\x{1F18}-\\x{1F1D}"                  \
    "\\x{1F20}-\\x{1F45}\\x{1F48}-\\x{1F4D}\\x{1F50}-\\x{1F57}\\x{1F59}\\x{1F5B}\\x{1F5D}\\x{1F5F}-\\x{1F7D}"          \
    "\\x{1F80}-\\x{1FB4}\\x{1FB6}-\\x{1FBC}\\x{1FBE}\\x{1FC2}-\\x{1FC4}\\x{1FC6}-\\x{1FCC}\\x{1FD0}-\\x{1FD3}"         \
    "\\x{1FD6}-\\x{1FDB}\\x{1FE0}-\\x{1FEC}\\x{1FF2}-\\x{1FF4}\\x{1FF6}-\\x{1FFC}\\x{2102}\\x{2107}"                   \
    "\\x{210A}-\\x{2113}\\x{2115}\\x{2119}-\\x{211D}\\x{2124}\\x{2126}\\x{2128}\\x{212A}-\\x{212D}"                    \
    "\\x{212F}-\\x{2134}\\x{2139}\\x{213C}-\\x{213F}\\x{2145}-\\x{2149}\\x{214E}\\x{2183}\\x{2184}"                    \
    "\\x{2C00}-\\x{2C7B}\\x{2C7E}-\\x{2CE4}\\x{2CEB}-\\x{2CEE}\\x{2CF2}\\x{2CF3}\\x{A640}-\\x{A66D}"                   \
    "\\x{A680}-\\x{A69B}\\x{A722}-\\x{A76F}\\x{A771}-\\x{A787}\\x{A78B}-\\x{A78E}\\x{AB70}-\\x{ABBF}"                  \
    "\\x{FB00}-\\x{FB06}\\x{FB13}-\\x{FB17}\\x{FF21}-\\x{FF3A}\\x{FF41}-\\x{FF5A}\\x{10400}-\\x{1044F}"                \
    "\\x{104B0}-\\x{104D3}\\x{104D8}-\\x{104FB}\\x{10C80}-\\x{10CB2}\\x{10CC0}-\\x{10CF2}"                             \
    "\\x{118A0}-\\x{118DF}\\x{1E900}-\\x{1E943}"

/* Expressions that several names share. */
static const char *const GPT2_ONLY[] = {GPT2, NULL};
static const char *const LLAMA3_ONLY[] = {LLAMA3, NULL};
static const char *const QWEN2_ONLY[] = {QWEN2, NULL};
static const char *const DIGIT_GPT2[] = {"\\p{N}", GPT2, NULL};
static const char *const GPT4O_ONLY[] = {GPT4O, NULL};
static const char *const DEEPSEEK3_ALL[] = {"\\p{N}{1,3}", CJK, DEEPSEEK3, NULL};
static const char *const LINES_ONLY[] = {LINES, NULL};
static const char *const BLOOM_ONLY[] = {BLOOM, NULL};
static const char *const DEFAULT[] = {"[\\p{P}$+<=>\\^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]", NULL};
static const char *const FALCON[] = {"[\\p{P}$+<=>\\^~|`]+", GPT2, "[0-9][0-9][0-9]", NULL};
static const char *const DEEPSEEK_LLM[] = {
    "[\\r\\n]",
    "\\s?[" DEEPSEEK_LETTERS "]+",
    "\\s?[!-/:-~\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF5E}\\x{2018}-\\x{201F}\\x{3001}-"
    "\\x{3002}]+",
    "\\s+\\z",
    WIDE,
    "\\p{N}+",
    NULL};
static const char *const DEEPSEEK_CODER[] = {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", WIDE, "\\p{N}", NULL};
static const char *const SPARK[] = {
    "\\p{N}{1,3}", CJK,
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+|[\\r\\n]|\\s+(?!\\S)|\\s+",
    "\\p{N}", NULL};
static const char *const YOUTU[] = {
    "[\\x{AC00}-\\x{D7A3}\\x{3131}-\\x{318E}]+"
    "|[\\x{FF01}\\x{2026}\\x{201C}\\x{201D}\\x{2018}\\x{2019}\\x{2014}\\x{FF1A}\\x{FF1B}\\x{FF0C}\\x{3001}-\\x{303F}"
    "\\x{FE30}-\\x{FE4F}]+|[\\x{3105}-\\x{312F}]+|" CJK,
    CASELESS "|\\p{N}|" SYMBOLS_SLASH "|" NEWLINES, NULL};
static const char *const QWEN35[] = {
    CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" NEWLINES, NULL};
static const char *const JAIS2[] = {
    CONTRACTION "|" WORD "|\\p{N}{1,3}|" SYMBOLS "|\\s*[\\r\\n]+|\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)"
                "|\\s{64}(?!\\S)|\\s{32}(?!\\S)|\\s{16}(?!\\S)|\\s{8}(?!\\S)|\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s{1}",
    NULL};
static const char *const VIKING[] = {BLOOM, "\\p{N}", NULL};
static const char *const TEKKEN_ONLY[] = {TEKKEN, NULL};
static const char *const CHAMELEON[] = {
    "<sentinel:[0-9]+>", "IMGIMG[A-I]{1,4}Z", "[\\t\\n]|    |  ", "\\p{N}", "[\\p{P}!-/:-@\\[-`{-~]", GPT2, NULL};
static const char *const GRANITE_MULTI[] = {
    CASED(UPPER_M, LOWER_M, CONTRACTION "?") "|\\p{N}{1,3}|" SYMBOLS_SLASH "|" NEWLINES, NULL};
static const char *const TINY_AYA[] = {DIGITS, CASELESS "|\\p{N}{1,3}|" SYMBOLS_SLASH "|" NEWLINES, NULL};
static const char *const KIMI[] = {"[" HAN "]+|[^\\r\\n\\p{L}\\p{N}]?(?:(?![" HAN "])\\p{L})+" CONTRACTION
                                   "?|\\p{N}{1,3}|" SYMBOLS "|" NEWLINES,
                                   NULL};
static const char *const SUPERBPE[] = {"\\p{N}+", "(?=(?:[0-9]{3})+(?![0-9]))", NULL};
static const char *const BAILING[] = {
    "'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|" WORD "|\\p{N}|" SYMBOLS "|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+", NULL};
static const char *const SEED_CODER[] = {CONTRACTION "|" WORD "|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" NEWLINES, NULL};
static const char *const UFAKZEKA[] = {WORD "|\\p{N}|" SYMBOLS "|" NEWLINES, NULL};
static const char *const AFMOE[] = {DIGITS,
                                    "[\\x{4E00}-\\x{9FFF}\\x{3400}-\\x{4DBF}\\x{8C48}-\\x{FAFF}\\x{3040}-\\x{309F}\\x{"
                                    "30A0}-\\x{30FF}\\x{FF65}-\\x{FF9F}\\x{2F00}-"
                                    "\\x{2FDF}\\x{E40}-\\x{E7F}\\x{E80}-\\x{EFF}\\x{1780}-\\x{17FF}\\x{1000}-\\x{109F}"
                                    "\\x{AA60}-\\x{AA7F}\\x{A9E0}-\\x{A9FF}"
                                    "\\x{AC00}-\\x{D7AF}\\x{1100}-\\x{11FF}]+",
                                    DEEPSEEK3, NULL};
static const char *const LAGUNA[] = {LINES, QWEN2, NULL};
static const char *const EXAONE_MOE[] = {CONTRACTION
                                         "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}"
                                         "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
                                         NULL};
static const char *const MINICPM5[] = {"\\p{N}{1,3}", CONTRACTION "|" WORD "|\\p{N}+|" SYMBOLS "|" NEWLINES, NULL};

enum {
    WHOLE = HZ_PRE_IGNORE_MERGES,
    WHOLE_BOS = HZ_PRE_IGNORE_MERGES | HZ_PRE_ADD_BOS,
    SENTENCEPIECE = HZ_PRE_RAW | HZ_PRE_ESCAPE_BLANKS,
    GEMMA4 = SENTENCEPIECE | HZ_PRE_NEWLINES_WHOLE | HZ_PRE_ALWAYS_BOS
};

static const struct {
    const char *name;
    const char *const *patterns;
    unsigned flags;
} names[] = {
    {"default", DEFAULT, 0},
    {"llama3", LLAMA3_ONLY, WHOLE_BOS},
    {"llama-v3", LLAMA3_ONLY, WHOLE_BOS},
    {"llama-bpe", LLAMA3_ONLY, WHOLE_BOS},
    {"falcon3", LLAMA3_ONLY, WHOLE_BOS},
    {"falcon-h1", LLAMA3_ONLY, WHOLE_BOS},
    {"pixtral", LLAMA3_ONLY, WHOLE_BOS},
    {"midm-2.0", LLAMA3_ONLY, WHOLE_BOS},
    {"lfm2", LLAMA3_ONLY, WHOLE_BOS},
    {"jina-v5-nano", LLAMA3_ONLY, WHOLE_BOS},
    {"jais-2", JAIS2, 0},
    {"dbrx", LLAMA3_ONLY, 0},
    {"smaug-bpe", LLAMA3_ONLY, 0},
    {"chatglm-bpe", LLAMA3_ONLY, HZ_PRE_NO_BOS_ID},
    {"glm4", LLAMA3_ONLY, HZ_PRE_NO_BOS_ID | WHOLE},
    {"glm5", LLAMA3_ONLY, HZ_PRE_NO_BOS_ID | WHOLE},
    {"deepseek-llm", DEEPSEEK_LLM, 0},
    {"deepseek-coder", DEEPSEEK_CODER, 0},
    {"deepseek-v3", DEEPSEEK3_ALL, 0},
    {"hunyuan-dense", DEEPSEEK3_ALL, 0},
    {"hy_v4", DEEPSEEK3_ALL, 0},
    {"joyai-llm", DEEPSEEK3_ALL, 0},
    {"spark2_5", SPARK, 0},
    {"youtu", YOUTU, WHOLE},
    {"falcon", FALCON, 0},
    {"starcoder", DIGIT_GPT2, 0},
    {"refact", DIGIT_GPT2, 0},
    {"command-r", DIGIT_GPT2, 0},
    {"smollm", DIGIT_GPT2, 0},
    {"codeshell", DIGIT_GPT2, 0},
    {"exaone", DIGIT_GPT2, 0},
    {"minerva-7b", DIGIT_GPT2, 0},
    {"mellum2", DIGIT_GPT2, 0},
    {"gpt-2", GPT2_ONLY, 0},
    {"phi-2", GPT2_ONLY, 0},
    {"jina-es", GPT2_ONLY, 0},
    {"jina-de", GPT2_ONLY, 0},
    {"gigachat", GPT2_ONLY, 0},
    {"jina-v2-es", GPT2_ONLY, 0},
    {"jina-v2-de", GPT2_ONLY, 0},
    {"a.x-4.0", GPT2_ONLY, 0},
    {"mellum", GPT2_ONLY, 0},
    {"modern-bert", GPT2_ONLY, 0},
    {"jina-v1-en", GPT2_ONLY, 0},
    {"jina-v2-code", GPT2_ONLY, 0},
    {"roberta-bpe", GPT2_ONLY, 0},
    {"mpt", GPT2_ONLY, 0},
    {"olmo", GPT2_ONLY, 0},
    {"jais", GPT2_ONLY, 0},
    {"trillion", GPT2_ONLY, 0},
    {"granite-docling", GPT2_ONLY, 0},
    {"exaone4", GPT2_ONLY, 0},
    {"exaone-moe", EXAONE_MOE, 0},
    {"qwen2", QWEN2_ONLY, 0},
    {"deepseek-r1-qwen", QWEN2_ONLY, 0},
    {"kormo", QWEN2_ONLY, 0},
    {"f2llmv2", QWEN2_ONLY, 0},
    {"megrez", QWEN2_ONLY, 0},
    {"stablelm2", QWEN2_ONLY, 0},
    {"hunyuan", QWEN2_ONLY, 0},
    {"solar-open", QWEN2_ONLY, 0},
    {"grok-2", QWEN2_ONLY, 0},
    {"qwen35", QWEN35, 0},
    {"poro-chat", BLOOM_ONLY, 0},
    {"bloom", BLOOM_ONLY, 0},
    {"gpt3-finnish", BLOOM_ONLY, 0},
    {"viking", VIKING, 0},
    {"tekken", TEKKEN_ONLY, WHOLE_BOS},
    {"chameleon", CHAMELEON, HZ_PRE_ADD_BOS},
    {"gpt-4o", GPT4O_ONLY, 0},
    {"llama4", GPT4O_ONLY, 0},
    {"kanana2", GPT4O_ONLY, 0},
    {"talkie", GPT4O_ONLY, 0},
    {"minimax-m2", GPT4O_ONLY, 0},
    {"granite-embed-multi-97m", GRANITE_MULTI, WHOLE},
    {"tiny_aya", TINY_AYA, 0},
    {"cohere2moe", TINY_AYA, 0},
    {"kimi-k2", KIMI, 0},
    {"superbpe", SUPERBPE, 0},
    {"bailingmoe", BAILING, 0},
    {"bailingmoe2", BAILING, 0},
    {"llada-moe", BAILING, 0},
    {"seed-coder", SEED_CODER, 0},
    {"ufakzeka", UFAKZEKA, 0},
    {"afmoe", AFMOE, 0},
    {"laguna", LAGUNA, 0},
    {"minicpm5", MINICPM5, WHOLE},
    {"gemma4", LINES_ONLY, GEMMA4},
    {"granite-embed-multi-311m", LINES_ONLY, GEMMA4},
    {"sarvam-moe", LINES_ONLY, SENTENCEPIECE},
};

static bool is_number(uint32_t cp)
{
    int c = hz_ucd_category(cp);
    return c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO && hz_ucd_since(cp) <= 15;
}

static hz_status add(struct hz_pretok *p, const char *pattern, struct hz_error *err)
{
    struct hz_pretok_step step = {.kind = HZ_PRETOK_DIGIT_GROUPS, .behavior = HZ_SPLIT_ISOLATED, .is = is_number};
    if (strcmp(pattern, DIGITS) != 0) {
        step.kind = HZ_PRETOK_REGEX;
        HZ_TRY(hz_regex_new(pattern, strlen(pattern), 15, "tokenizer.ggml.pre", &step.regex, err));
    }
    return hz_pretok_add(p, step, err);
}

hz_status hz_gguf_pre(const char *name, size_t len, struct hz_pretok *p, unsigned *flags, struct hz_error *err)
{
    if (!len) {
        hz_log(HZ_LOG_WARN,
               "tokenizer.ggml.pre is missing: text is cut as by \"default\", which may not be the model's way");
        name = "default";
        len = strlen(name);
    }
    for (size_t i = 0; i < HZ_COUNT(names); i++) {
        if (strlen(names[i].name) != len || memcmp(names[i].name, name, len) != 0)
            continue;
        *flags = names[i].flags;
        for (const char *const *pattern = names[i].patterns; *pattern; pattern++)
            HZ_TRY(add(p, *pattern, err));
        return HZ_OK;
    }
    return hz_fail(err, HZ_E_UNSUPPORTED, "tokenizer.ggml.pre names the pre-tokenizer \"%.*s\", which is not known",
                   (int)HZ_MIN(len, 80), name);
}
