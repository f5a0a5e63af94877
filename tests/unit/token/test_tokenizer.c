/* What goes wrong with tokenizers elsewhere: merges, long pieces, added tokens, blanks in front, streams; and files
 * that are broken. */
#include "base/os/sys.h"
#include "base/os/thread.h"
#include "cases.h"

#define ADDED(id, content, more) "{\"id\":" #id ",\"content\":\"" content "\"" more "}"
#define SPECIAL                  ",\"special\":true,\"normalized\":false"
#define BPE(vocab, merges, more) "\"model\":{\"type\":\"BPE\",\"vocab\":{" vocab "},\"merges\":[" merges "]" more "}"

static struct hz_tokenizer *load(const char *json)
{
    struct hz_tokenizer *t;
    struct hz_error err = {0};
    if (hz_tokenizer_from_json(json, strlen(json), "test", &t, &err))
        fail_msg("%s", err.text);
    return t;
}

static void fails(const char *json, hz_status want, const char *words)
{
    struct hz_tokenizer *t;
    struct hz_error err = {0};
    assert_int_equal(hz_tokenizer_from_json(json, strlen(json), "test", &t, &err), want);
    assert_null(t);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" says nothing of \"%s\"", err.text, words);
}

/* The ids of a text, as a comma-separated list. */
static void ids_are(const struct hz_tokenizer *t, const char *text, unsigned flags, const char *want)
{
    struct hz_ids ids = {0};
    struct hz_error err = {0};
    char got[256] = "";
    size_t n = 0;
    if (hz_encode(t, text, strlen(text), flags, &ids, &err))
        fail_msg("%s: %s", text, err.text);
    for (size_t i = 0; i < ids.n && n < sizeof got; i++)
        n += (size_t)snprintf(got + n, sizeof got - n, i ? ",%d" : "%d", ids.data[i]);
    if (strcmp(got, want) != 0)
        fail_msg("%s: %s for %s", text, got, want);
    hz_ids_free(&ids);
}

static void text_is(const struct hz_tokenizer *t, const int32_t *ids, size_t n, bool skip, const char *want)
{
    struct hz_buf out;
    struct hz_error err = {0};
    hz_buf_init(&out, 1 << 20);
    if (hz_decode(t, ids, n, skip, &out, &err))
        fail_msg("%s", err.text);
    assert_string_equal(out.len ? out.data : "", want);
    hz_buf_free(&out);
}

/* Pieces of a stream, "|" between them, the flush last. */
static void stream_is(const struct hz_tokenizer *t, const int32_t *ids, size_t n, bool skip, const char *want)
{
    struct hz_detok *d;
    struct hz_error err = {0};
    char got[512] = "";
    size_t at = 0, len;
    const char *piece;
    assert_int_equal(hz_detok_new(t, skip, &d, &err), HZ_OK);
    for (size_t i = 0; i <= n; i++) {
        hz_status status = i < n ? hz_detok_push(d, ids[i], &piece, &len, &err) : hz_detok_flush(d, &piece, &len, &err);
        assert_int_equal(status, HZ_OK);
        at += (size_t)snprintf(got + at, sizeof got - at, "%s%.*s", i ? "|" : "", (int)len, piece);
    }
    assert_string_equal(got, want);
    hz_detok_free(d);
}

#define IDS(...) (const int32_t[]){__VA_ARGS__}, sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t)

#define ABC "\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"bc\":4,\"abc\":5"

static void merges(void **state)
{
    (void)state;
    /* The lowest rank first, not the leftmost; both spellings of merges. */
    struct hz_tokenizer *t = load("{" BPE(ABC, "\"b c\",\"a b\"", "") "}");
    ids_are(t, "abc", 0, "0,4");
    hz_tokenizer_free(t);
    t = load("{" BPE(ABC, "[\"b\",\"c\"],[\"a\",\"b\"]", "") "}");
    ids_are(t, "abcab", 0, "0,4,3");
    hz_tokenizer_free(t);
    /* Of equal ranks the leftmost. */
    t = load("{" BPE("\"a\":0,\"aa\":1", "\"a a\"", "") "}");
    ids_are(t, "aaa", 0, "1,0");
    hz_tokenizer_free(t);
    /* A piece that is a token is taken whole only if the model says so. */
    t = load("{" BPE(ABC, "\"b c\"", "") "}");
    ids_are(t, "abc", 0, "0,4");
    hz_tokenizer_free(t);
    t = load("{" BPE(ABC, "\"b c\"", ",\"ignore_merges\":true,\"dropout\":0.5") "}");
    ids_are(t, "abc", 0, "5");
    hz_tokenizer_free(t);
    fails("{" BPE(ABC, "\"a c\"", "") "}", HZ_E_FORMAT, "\"ac\"");
    fails("{" BPE(ABC, "\"abc\"", "") "}", HZ_E_FORMAT, "merge");
    fails("{" BPE(ABC, "\"a b c\"", "") "}", HZ_E_FORMAT, "merge");
}

static void unknown(void **state)
{
    (void)state;
    struct hz_tokenizer *t = load("{" BPE("\"a\":0,\"?\":1", "", ",\"unk_token\":\"?\",\"fuse_unk\":true") "}");
    ids_are(t, "axya", 0, "0,1,0");
    hz_tokenizer_free(t);
    t = load("{" BPE("\"a\":0,\"?\":1", "", ",\"unk_token\":\"?\"") "}");
    ids_are(t, "axya", 0, "0,1,1,0");
    hz_tokenizer_free(t);
    t = load("{" BPE("\"a\":0", "", "") "}"); /* no unk: left out */
    ids_are(t, "axya", 0, "0,0");
    hz_tokenizer_free(t);
    t = load(
        "{" BPE("\"a\":0,\"?\":1,\"<0xC3>\":2,\"<0xA9>\":3", "", ",\"unk_token\":\"?\",\"byte_fallback\":true") "}");
    ids_are(t, "a\xC3\xA9\xC3\xA8", 0, "0,2,3,1");
    ids_are(t, "<0xC3>", 0, "1,1,1,1,1,1"); /* the spelling is no byte */
    hz_tokenizer_free(t);
    t = load("{" BPE("\"a\":0", "", ",\"unk_token\":\"?\"") "}");
    struct hz_ids ids = {0};
    struct hz_error err;
    assert_int_equal(hz_encode(t, "x", 1, 0, &ids, &err), HZ_E_INVALID);
    assert_int_equal(ids.n, 0);
    assert_int_equal(hz_encode(t, "\xFF", 1, 0, &ids, &err), HZ_E_INVALID);
    hz_ids_free(&ids);
    hz_tokenizer_free(t);
}

/* One piece of 200,000 characters, in a time that a quadratic way would miss by far. */
static void long_piece(void **state)
{
    (void)state;
    struct hz_tokenizer *t = load("{" BPE("\"a\":0,\"aa\":1,\"aaaa\":2,\"b\":3", "\"a a\",\"aa aa\"", "") "}");
    size_t n = 200000;
    char *text = malloc(n);
    memset(text, 'a', n);
    struct hz_ids ids = {0};
    struct hz_error err;
    double start = hz_clock();
    assert_int_equal(hz_encode(t, text, n, 0, &ids, &err), HZ_OK);
    assert_int_equal(ids.n, n / 4);
    assert_true(hz_clock() - start < 20);
    hz_ids_free(&ids);
    hz_tokenizer_free(t);
    t = load("{\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"<unk>\",0],[\"a\",-2],[\"aa\",-3]]}}");
    assert_int_equal(hz_encode(t, text, n, 0, &ids, &err), HZ_OK);
    assert_int_equal(ids.n, n / 2);
    hz_ids_free(&ids);
    hz_tokenizer_free(t);
    free(text);
}

/* Cutting at U+2581 must not change what merges over it would make. */
static void merge_over_blank(void **state)
{
    (void)state;
    struct hz_tokenizer *t = load("{" BPE("\"a\":0,\"b\":1,\"\xE2\x96\x81\":2,\"\xE2\x96\x81"
                                          "b\":3,\"a\xE2\x96\x81"
                                          "b\":4,\"b\xE2\x96\x81\":5",
                                          "\"\xE2\x96\x81 b\",\"a \xE2\x96\x81"
                                          "b\",\"b \xE2\x96\x81\"",
                                          "") "}");
    ids_are(t,
            "a\xE2\x96\x81"
            "b",
            0, "4");
    ids_are(t,
            "b\xE2\x96\x81"
            "b",
            0, "1,3");
    ids_are(t,
            "b\xE2\x96\x81"
            "a",
            0, "5,0");
    hz_tokenizer_free(t);
}

static void added_tokens(void **state)
{
    (void)state;
    struct hz_tokenizer *t = load(
        "{\"added_tokens\":[" ADDED(3, "<s>", SPECIAL) "," ADDED(4, "<s>x", SPECIAL) "," ADDED(5, "w", ",\"single_word\":true,\"normalized\":false") "," ADDED(
            6, "[l]", ",\"lstrip\":true,\"normalized\":false") "," ADDED(7, "[r]",
                                                                         ",\"rstrip\":true,\"normalized\":"
                                                                         "false") "," ADDED(8, "AB",
                                                                                            ",\"normalized\":"
                                                                                            "true") "],"
                                                                                                    "\"normaliz"
                                                                                                    "er\":{"
                                                                                                    "\"type\":"
                                                                                                    "\"Lowercas"
                                                                                                    "e\"},"
                                                                                                    "\"truncati"
                                                                                                    "on\":{"
                                                                                                    "\"max_"
                                                                                                    "length\":"
                                                                                                    "1,"
                                                                                                    "\"strategy"
                                                                                                    "\":"
                                                                                                    "\"LongestF"
                                                                                                    "irst\","
                                                                                                    "\"stride\""
                                                                                                    ":0,"
                                                                                                    "\"directio"
                                                                                                    "n\":"
                                                                                                    "\"Right\"}"
                                                                                                    ","
                                                                                                    "\"padding"
                                                                                                    "\":{"
                                                                                                    "\"strategy"
                                                                                                    "\":{"
                                                                                                    "\"Fixed\":"
                                                                                                    "9},"
                                                                                                    "\"directio"
                                                                                                    "n\":"
                                                                                                    "\"Right\","
                                                                                                    "\"pad_"
                                                                                                    "id\":0,"
                                                                                                    "\"pad_"
                                                                                                    "type_id\":"
                                                                                                    "0,\"pad_"
                                                                                                    "token\":"
                                                                                                    "\"a\"}"
                                                                                                    "," BPE("\"a\":"
                                                                                                            "0,"
                                                                                                            "\"b\":"
                                                                                                            "1,\" "
                                                                                                            "\":2",
                                                                                                            "",
                                                                                                            "") "}");
    ids_are(t, "a<s>b", HZ_ENCODE_PARSE_SPECIAL, "0,3,1");
    ids_are(t, "a<s>xb", HZ_ENCODE_PARSE_SPECIAL, "0,4,1"); /* the longest */
    ids_are(t, "a<s>b", 0, "0,1");                          /* not parsed: text, of which the model knows two */
    ids_are(t, "w aw w", 0, "5,2,0,2,5");                   /* both neighbours count */
    ids_are(t, "a  [l]  a", 0, "0,6,2,2,0");
    ids_are(t, "a  [r]  a", 0, "0,2,2,7,0");
    ids_are(t, "a[l]a[r]a", 0, "0,6,0,7,0"); /* blanks are eaten, not demanded */
    ids_are(t, "aB Ab", 0, "8,2,8");         /* normalized: looked for in normalized text */
    assert_int_equal(hz_token_id(t, "<s>", 3), 3);
    assert_true(hz_token_is_special(t, 3));
    assert_false(hz_token_is_special(t, 5));
    assert_int_equal(hz_tokenizer_size(t), 9);
    text_is(t, IDS(0, 3, 1), true, "a b");
    hz_tokenizer_free(t);
}

/* The blank in front: Prepend before every stretch between special tokens, Metaspace's `first` only where the input
 * begins; and none if there is one. */
static void blank_in_front(void **state)
{
    (void)state;
#define VOCAB "\"a\":0,\"\xE2\x96\x81\":1,\"<s>\":2"
#define S     "\"added_tokens\":[" ADDED(2, "<s>", SPECIAL) "],"
    struct hz_tokenizer *t = load(
        "{" S
        "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"\xE2\x96\x81\"},"
        "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\xE2\x96\x81\"}]}," BPE(VOCAB, "", "") "}");
    ids_are(t, "a<s>a", HZ_ENCODE_PARSE_SPECIAL, "1,0,2,1,0");
    ids_are(t, " a", HZ_ENCODE_PARSE_SPECIAL, "1,1,0");
    hz_tokenizer_free(t);
    t = load("{" S "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\",\"prepend_scheme\":"
             "\"first\",\"split\":false}," BPE(VOCAB, "", "") "}");
    ids_are(t, "a<s>a", HZ_ENCODE_PARSE_SPECIAL, "1,0,2,0");
    ids_are(t, " a", HZ_ENCODE_PARSE_SPECIAL, "1,0");
    ids_are(t, "<s>a", HZ_ENCODE_PARSE_SPECIAL, "2,0");
    hz_tokenizer_free(t);
}

static void bos_and_eos(void **state)
{
    (void)state;
    struct hz_tokenizer *t =
        load("{" BPE("\"a\":0,\"<s>\":1,\"</s>\":2", "",
                     "") ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
                         "{\"SpecialToken\":{\"id\":\"B\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{"
                         "\"SpecialToken\":{\"id\":\"E\",\"type_id\":0}}],"
                         "\"pair\":[],\"special_tokens\":{\"B\":{\"id\":\"B\",\"ids\":[1],\"tokens\":[\"<s>\"]},\"E\":{"
                         "\"id\":\"E\",\"ids\":[2],\"tokens\":[\"</s>\"]}}}}");
    ids_are(t, "a", HZ_ENCODE_SPECIAL, "1,0,2");
    ids_are(t, "", HZ_ENCODE_SPECIAL, "1,2");
    ids_are(t, "a", 0, "0");
    ids_are(t, "", 0, "");
    assert_int_equal(hz_tokenizer_bos(t), 1);
    assert_int_equal(hz_tokenizer_eos(t), 2);
    assert_true(hz_tokenizer_adds_bos(t));
    hz_tokenizer_free(t);
}

/* Bytes: C3 A9 is e with acute; every beginning of a run shows what it can. */
#define FALLBACK "\"x\":0,\"<0xC3>\":1,\"<0xA9>\":2,\"<0x41>\":3,\"\xEF\xBF\xBD\":4,\"<s>\":5,\"\xE2\x96\x81y\":6"

static void byte_runs(void **state)
{
    (void)state;
    struct hz_tokenizer *t = load("{\"added_tokens\":[" ADDED(5, "<s>", SPECIAL) "]," BPE(
        FALLBACK, "",
        ",\"byte_fallback\":true") ",\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\","
                                   "\"pattern\":{\"String\":\"\xE2\x96\x81\"},\"content\":\" \"},"
                                   "{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" "
                                   "\",\"start\":1,\"stop\":0}]}}");
    text_is(t, IDS(1, 2, 0), false, "\xC3\xA9x");
    text_is(t, IDS(1, 2, 1), false, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); /* the valid start is lost too */
    stream_is(t, IDS(1, 2, 0), false, "|\xC3\xA9|x|");
    /* What was shown is contradicted, and comes right again. */
    stream_is(t, IDS(1, 2, 1, 2), false, "|\xC3\xA9||\xC3\xA9|");
    /* It doesn't: the rest becomes U+FFFD, nothing is taken back, nothing fails. */
    stream_is(t, IDS(1, 2, 1, 0), false, "|\xC3\xA9||\xEF\xBF\xBDx|");
    stream_is(t, IDS(2, 3, 0), false, "||\xEF\xBF\xBD\xEF\xBF\xBDx|");
    stream_is(t, IDS(3, 1), false, "A||\xEF\xBF\xBD");
    stream_is(t, IDS(4, 0, 4), false, "|\xEF\xBF\xBDx||\xEF\xBF\xBD"); /* a literal U+FFFD waits as well */
    /* One blank goes at the very start, behind it blanks stay. */
    stream_is(t, IDS(6, 6), false, "y| y|");
    text_is(t, IDS(5, 6), false, "<s> y");
    text_is(t, IDS(5, 6), true, "y");
    stream_is(t, IDS(5, 6, 5, 0), true, "|y||x|");
    struct hz_detok *d;
    struct hz_error err;
    const char *piece;
    size_t len;
    assert_int_equal(hz_detok_new(t, false, &d, &err), HZ_OK);
    assert_int_equal(hz_detok_push(d, 77, &piece, &len, &err), HZ_E_INVALID);
    assert_int_equal(hz_detok_push(d, -1, &piece, &len, &err), HZ_E_INVALID);
    assert_int_equal(hz_detok_push(d, 0, &piece, &len, &err), HZ_OK);
    assert_int_equal(len, 1);
    hz_detok_free(d);
    hz_tokenizer_free(t);
}

/* A character of four bytes over four tokens; a token outside the alphabet stands for its own UTF-8. */
static void byte_level_stream(void **state)
{
    (void)state;
    struct hz_tokenizer *t = load("{" BPE(
        "\"\xC3\xB0\":0,\"\xC5\x81\":1,\"\xC4\xBA\":2,\"\xC4\xA2\":3,\"a\":4,\"\xC4\xA0\":5,\"<\xEF\xBD\x9C>\":6", "",
        "") ",\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},\"decoder\":{\"type\":"
            "\"ByteLevel\"}}");
    ids_are(t, "\xF0\x9F\x98\x80 a", 0, "0,1,2,3,5,4");
    stream_is(t, IDS(0, 1, 2, 3, 4), false, "|||\xF0\x9F\x98\x80|a|");
    stream_is(t, IDS(4, 0, 1, 4), false,
              "a|||\xEF\xBF\xBD"
              "a|"); /* one U+FFFD for a beginning */
    stream_is(t, IDS(0, 1), false, "||\xEF\xBF\xBD");
    stream_is(t, IDS(6, 5, 6), false, "<\xEF\xBD\x9C>| |<\xEF\xBD\x9C>|");
    hz_tokenizer_free(t);
    /* Pieces of bytes under the decoder of a SentencePiece model: no U+0120 in the text. */
    t = load("{" BPE(
        "\"\xC4\xA0\":0,\"a\":1,\"\xC3\x83\":2,\"\xC2\xA9\":3", "",
        "") ",\"pre_tokenizer\":{\"type\":"
            "\"ByteLevel\",\"add_prefix_space\":false},\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":"
            "\"Replace\","
            "\"pattern\":{\"String\":\"\xE2\x96\x81\"},\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":"
            "\"Fuse\"},{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}]}}");
    ids_are(t, " a\xC3\xA9", 0, "0,1,2,3");
    stream_is(t, IDS(0, 1, 2, 3), false, " |a||\xC3\xA9|");
    text_is(t, IDS(0, 1, 2, 3), false, " a\xC3\xA9");
    hz_tokenizer_free(t);
}

/* A stream of a million bytes that never becomes valid: work for each id stays the same. */
static void stream_is_linear(void **state)
{
    (void)state;
    struct hz_tokenizer *t =
        load("{" BPE(FALLBACK, "", ",\"byte_fallback\":true") ",\"decoder\":{\"type\":\"ByteFallback\"}}");
    struct hz_detok *d;
    struct hz_error err;
    const char *piece;
    size_t len;
    enum { N = 300000 };
    double start = hz_clock();
    assert_int_equal(hz_detok_new(t, false, &d, &err), HZ_OK);
    for (int i = 0; i < N; i++) {
        assert_int_equal(hz_detok_push(d, i % 2 ? 2 : 1, &piece, &len, &err), HZ_OK);
        assert_int_equal(len, i % 2 ? 2 : 0);
    }
    for (int i = 0; i < N; i++)
        assert_int_equal(hz_detok_push(d, 2, &piece, &len, &err), HZ_OK);
    assert_int_equal(hz_detok_flush(d, &piece, &len, &err), HZ_OK);
    assert_int_equal(len, 3 * N);
    assert_true(hz_clock() - start < 20);
    hz_detok_free(d);
    hz_tokenizer_free(t);
}

static void decoders(void **state)
{
    (void)state;
#define WITH(decoder)                                                                                                  \
    "{" BPE("\"he\":0,\"##llo\":1,\".\":2,\"a</w>\":3,\"\xE2\x96\x81\":4,\"\xE2\x96\x81w\":5", "",                     \
            "") ",\"decoder\":" decoder "}"
    struct hz_tokenizer *t = load(WITH("{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}"));
    text_is(t, IDS(0, 1, 2, 0), false, "hello. he");
    stream_is(t, IDS(0, 1, 2, 0), false, "he|llo|.| he|");
    hz_tokenizer_free(t);
    t = load(WITH("{\"type\":\"BPEDecoder\",\"suffix\":\"</w>\"}"));
    text_is(t, IDS(3, 0, 3), false, "a hea");
    stream_is(t, IDS(3, 0, 3), false, "a| he|a|");
    hz_tokenizer_free(t);
    t = load(WITH("{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\",\"prepend_scheme\":\"always\"}"));
    text_is(t, IDS(5, 5, 4), false, "w w ");
    hz_tokenizer_free(t);
    t = load(WITH("null")); /* no decoder: blanks between */
    text_is(t, IDS(0, 0), false, "he he");
    stream_is(t, IDS(0, 0), false, "he| he|");
    hz_tokenizer_free(t);
    t = load(WITH("{\"type\":\"CTC\",\"pad_token\":\".\",\"word_delimiter_token\":\"he\",\"cleanup\":true}"));
    text_is(t, IDS(0, 0, 2, 2, 5, 5), false, " \xE2\x96\x81w");
    hz_tokenizer_free(t);
    fails(WITH("{\"type\":\"Nonsense\"}"), HZ_E_UNSUPPORTED, "Nonsense");
}

static void broken_files(void **state)
{
    (void)state;
    fails("", HZ_E_FORMAT, "expected");
    fails("[]", HZ_E_FORMAT, "expected");
    fails("{", HZ_E_FORMAT, "test");
    fails("{}", HZ_E_FORMAT, "model");
    fails("{\"model\":{\"type\":\"BPE\"}}", HZ_E_FORMAT, "vocab");
    fails("{\"model\":{\"type\":\"BPE\",\"vocab\":{}}}", HZ_E_FORMAT, "merges");
    fails("{\"model\":{\"type\":\"Wonder\",\"vocab\":{}}}", HZ_E_UNSUPPORTED, "Wonder");
    fails("{" BPE("\"a\":-1", "", "") "}", HZ_E_FORMAT, "id");
    fails("{" BPE("\"a\":0.5", "", "") "}", HZ_E_FORMAT, "id");
    fails("{" BPE("\"a\":2147483000", "", "") "}", HZ_E_FORMAT, "id"); /* would make a table of 2^31 */
    fails("{" BPE("\"a\":1e308", "", "") "}", HZ_E_FORMAT, "id");
    fails("{" BPE("\"a\":0,", "", "") "}", HZ_E_FORMAT, "expected");
    fails("{" BPE("\"a\xFF\":0", "", "") "}", HZ_E_FORMAT, "UTF-8");
    fails("{" BPE("\"\\ud800\":0", "", "") "}", HZ_E_FORMAT, "surrogate");
    fails("{\"model\":{\"type\":\"Unigram\",\"unk_id\":9,\"vocab\":[[\"a\",0]]}}", HZ_E_FORMAT, "unk_id");
    fails("{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\"]]}}", HZ_E_FORMAT, "expected");
    fails("{\"model\":{\"type\":\"Unigram\",\"vocab\":{\"a\":0}}}", HZ_E_FORMAT, "array");
    fails("{\"added_tokens\":{}," BPE("", "", "") "}", HZ_E_FORMAT, "\"added_tokens\" is an object, expected an array");
    fails("{" BPE("", "", ",\"byte_fallback\":1") "}", HZ_E_FORMAT,
          "\"byte_fallback\" is an integer, expected a boolean");
    fails("{" BPE("", "", ",\"unk_token\":0") "}", HZ_E_FORMAT, "\"unk_token\" is an integer, expected a string");
    hz_tokenizer_free(load("{" BPE("", "", ",\"unk_token\":null,\"fuse_unk\":null") "}"));
    fails("{\"normalizer\":{\"type\":\"Odd\"}," BPE("", "", "") "}", HZ_E_UNSUPPORTED, "Odd");
    fails("{\"pre_tokenizer\":{\"type\":\"Odd\"}," BPE("", "", "") "}", HZ_E_UNSUPPORTED, "Odd");
    fails("{\"post_processor\":{\"type\":\"Odd\"}," BPE("", "", "") "}", HZ_E_UNSUPPORTED, "Odd");
    fails("{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},\"behavior\":\"Isolated\"}," BPE(
              "", "", "") "}",
          HZ_E_UNSUPPORTED, "(");
    fails("{\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAA\"}," BPE("", "", "") "}",
          HZ_E_FORMAT, "precompiled_charsmap");
}

/* ---- several threads ------------------------------------------------------------------------------------------ */

struct work {
    const struct hz_tokenizer *t;
    bool same;
};

/* A look-up walks as far as the longest added token: a long one would make a long text take forever. A post-processor
 * that doubles what the one before it made would fill the memory. */
static void limits(void **state)
{
    (void)state;
    enum { TOO_LONG = 5000 };
    char json[TOO_LONG + 256], *end = json;
    end += sprintf(end, "{\"added_tokens\":[{\"id\":0,\"content\":\"");
    memset(end, 'x', TOO_LONG);
    sprintf(end + TOO_LONG, "\"}]," BPE("", "", "") "}");
    fails(json, HZ_E_LIMIT, "has 5000 bytes");
#define TWICE                                                                                                          \
    "{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"A\"}},{\"Sequence\":{\"id\":\"A\"}}],"       \
    "\"special_tokens\":{}}"
#define FOUR_TIMES TWICE "," TWICE "," TWICE "," TWICE
    fails("{\"post_processor\":{\"type\":\"Sequence\",\"processors\":[" FOUR_TIMES "," FOUR_TIMES "," FOUR_TIMES
          "]}," BPE("", "", "") "}",
          HZ_E_LIMIT, "post_processor: it gives the text 8 times");
}

static void encode_often(void *arg)
{
    struct work *w = arg;
    struct hz_error err;
    w->same = true;
    for (int i = 0; i < 2000; i++) {
        char text[32];
        struct hz_ids ids = {0};
        int n = snprintf(text, sizeof text, "ab%d abc%d", i % 97, i % 13);
        w->same = w->same && !hz_encode(w->t, text, (size_t)n, 0, &ids, &err) && ids.n > 4 && ids.data[0] == 3;
        hz_ids_free(&ids);
    }
}

static void threads(void **state)
{
    (void)state;
    struct hz_tokenizer *t = load("{\"pre_tokenizer\":{\"type\":\"Whitespace\"}," BPE(
        ABC ",\"0\":6,\"1\":7,\"2\":8,\"3\":9,\"4\":10,\"5\":11,\"6\":12,\"7\":13,\"8\":14,\"9\":15", "\"a b\",\"b c\"",
        "") "}");
    struct work work[4];
    struct hz_thread *thread[4];
    struct hz_error err;
    for (int i = 0; i < 4; i++) {
        work[i] = (struct work){t, false};
        assert_int_equal(hz_thread_start(&thread[i], "encode", encode_often, &work[i], &err), HZ_OK);
    }
    for (int i = 0; i < 4; i++) {
        hz_thread_join(thread[i]);
        assert_true(work[i].same);
    }
    hz_tokenizer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits),           cmocka_unit_test(merges),
        cmocka_unit_test(unknown),          cmocka_unit_test(long_piece),
        cmocka_unit_test(merge_over_blank), cmocka_unit_test(added_tokens),
        cmocka_unit_test(blank_in_front),   cmocka_unit_test(bos_and_eos),
        cmocka_unit_test(byte_runs),        cmocka_unit_test(byte_level_stream),
        cmocka_unit_test(stream_is_linear), cmocka_unit_test(decoders),
        cmocka_unit_test(broken_files),     cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
