/* Configurations: golden checkpoints whose config.json is patched. Each case is a fault that some reader of such files
 * has had: a spelling not read, a default of another family, a key ignored. */
#include "file/checkpoint.h"
#include "model/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define GOLDEN(name) HZ_TEST_DATA "/golden/" name

struct patched {
    struct hz_checkpoint *ck;
    struct hz_plan *plan; /* NULL: refused, err says why */
    struct hz_model_facts facts;
    struct hz_error err;
};

static struct hz_json_doc *parse(const char *text)
{
    struct hz_json_doc *doc;
    struct hz_error err = {0};
    if (hz_json_parse(text, strlen(text), NULL, &doc, &err) != HZ_OK)
        fail_msg("%s: %s", text, err.text);
    return doc;
}

/* The object with the patch's keys set; "REMOVE" takes a key away. */
static struct hz_json_doc *merge(struct hz_json object, struct hz_json patch)
{
    struct hz_buf out;
    struct hz_json_writer w;
    hz_buf_init(&out, 1 << 20);
    hz_json_begin(&w, &out, 0);
    hz_json_object(&w);
    for (struct hz_json_iter it = hz_json_each(object); hz_json_next(&it);)
        if (hz_json_get(patch, it.key).kind == HZ_JSON_ABSENT) {
            hz_json_key(&w, it.key);
            hz_json_put(&w, it.value);
        }
    for (struct hz_json_iter it = hz_json_each(patch); hz_json_next(&it);)
        if (!hz_json_str_is(it.value, "REMOVE")) {
            hz_json_key(&w, it.key);
            hz_json_put(&w, it.value);
        }
    hz_json_end_object(&w);
    struct hz_json_doc *doc = parse(out.data);
    hz_buf_free(&out);
    return doc;
}

static void patched_open(struct patched *p, const char *path)
{
    struct hz_checkpoint_options options = {0};
    memset(p, 0, sizeof *p);
    if (hz_checkpoint_open(path, &options, &p->ck, &p->err) != HZ_OK)
        fail_msg("%s", p->err.text);
}

static void patched_plan(struct patched *p)
{
    hz_status status = hz_model_plan(p->ck, &p->plan, &p->facts, &p->err);
    assert_true((status == HZ_OK) == (p->plan != NULL));
    if (status != HZ_OK)
        assert_non_null(strstr(p->err.text, "golden/")); /* names the checkpoint */
}

static void patched_close(struct patched *p)
{
    hz_plan_free(p->plan);
    hz_checkpoint_close(p->ck);
}

static struct patched patch(const char *path, const char *text)
{
    struct patched p;
    patched_open(&p, path);
    struct hz_json_doc *change = parse(text), *old = p.ck->config;
    p.ck->config = merge(hz_json_root(old), hz_json_root(change));
    hz_json_free(old);
    hz_json_free(change);
    patched_plan(&p);
    return p;
}

/* The patched checkpoint is refused, and the words hold `words`. */
static void refused(const char *path, const char *text, const char *words)
{
    struct patched p = patch(path, text);
    if (p.plan)
        fail_msg("%s with %s was taken", path, text);
    if (!strstr(p.err.text, words))
        fail_msg("%s with %s: \"%s\" does not say \"%s\"", path, text, p.err.text, words);
    patched_close(&p);
}

static void taken(struct patched *p, const char *path, const char *text)
{
    *p = patch(path, text);
    if (!p->plan)
        fail_msg("%s with %s: %s", path, text, p->err.text);
}

static void close_to(double got, double want)
{
    if (!(fabs(got - want) <= 1e-6 * fabs(want)))
        fail_msg("%.9g, expected %.9g", got, want);
}

/* The window of a layer's attention. */
static uint32_t window(const struct patched *p, int32_t layer)
{
    for (uint32_t i = 0; i < p->plan->n_ops; i++)
        if (p->plan->ops[i].kind == HZ_OP_ATTEND && p->plan->ops[i].layer == layer)
            return p->plan->ops[i].u.attend.window;
    fail_msg("layer %d does not attend", (int)layer);
    return 0;
}

static uint32_t count(const struct patched *p, enum hz_op_kind kind)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->plan->n_ops; i++)
        n += p->plan->ops[i].kind == kind;
    return n;
}

static const struct hz_op *last(const struct patched *p, enum hz_op_kind kind)
{
    for (uint32_t i = p->plan->n_ops; i-- > 0;)
        if (p->plan->ops[i].kind == kind)
            return &p->plan->ops[i];
    fail_msg("no %s", hz_op_name(kind));
    return NULL;
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static void unread_keys(void **state)
{
    struct patched p;
    (void)state;
    refused(GOLDEN("llama"), "{\"frobnicate\": 1}", "\"frobnicate\"");
    refused(GOLDEN("llama"), "{\"sliding_window\": 4}", "\"sliding_window\"");
    refused(GOLDEN("llama"), "{\"use_bidirectional_attention\": true}", "\"use_bidirectional_attention\"");
    refused(GOLDEN("qwen3"), "{\"num_experts\": 8}", "\"num_experts\"");
    taken(&p, GOLDEN("llama"),
          "{\"frobnicate\": null, \"use_bidirectional_attention\": false, \"sliding_window\": null,"
          " \"id2label\": {\"0\": \"a\"}, \"pruned_heads\": {}, \"max_sequence_length\": 9, \"torch_dtype\": "
          "\"REMOVE\", \"architectures\": []}");
    patched_close(&p);
}

static void quantized(void **state)
{
    struct patched p;
    (void)state;
    refused(GOLDEN("llama"), "{\"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 4}}", "gptq");
    refused(GOLDEN("llama"), "{\"quantization\": {\"bits\": 4, \"group_size\": 64}}", "does not name");
    taken(&p, GOLDEN("llama"), "{\"quantization_config\": null}");
    patched_close(&p);
}

static void wrong_values(void **state)
{
    (void)state;
    refused(GOLDEN("llama"), "{\"num_attention_heads\": 0}", "num_attention_heads is 0");
    refused(GOLDEN("llama"), "{\"num_key_value_heads\": 0}", "num_key_value_heads is 0");
    refused(GOLDEN("llama"), "{\"num_key_value_heads\": 3}", "4 attention heads over 3");
    refused(GOLDEN("llama"), "{\"num_hidden_layers\": 4294967295}", "num_hidden_layers is 4294967295");
    refused(GOLDEN("llama"), "{\"num_hidden_layers\": 3}", "layer 2");
    refused(GOLDEN("llama"), "{\"hidden_size\": -64}", "hidden_size is -64");
    refused(GOLDEN("llama"), "{\"hidden_size\": 64.5}", "hidden_size");
    refused(GOLDEN("llama"), "{\"hidden_size\": \"64\"}", "hidden_size is a string");
    refused(GOLDEN("llama"), "{\"hidden_size\": \"REMOVE\"}", "no hidden_size");
    refused(GOLDEN("llama"), "{\"hidden_size\": 1000000000}", "hidden_size is 1000000000");
    refused(GOLDEN("llama"), "{\"head_dim\": 1000000}", "head_dim is 1000000");
    refused(GOLDEN("llama"), "{\"rope_theta\": Infinity}", "rope_theta");
    refused(GOLDEN("llama"), "{\"rope_theta\": 1}", "rope_theta is 1, expected more than 1");
    refused(GOLDEN("llama"), "{\"rms_norm_eps\": -1}", "rms_norm_eps is -1, expected 0 to 1");
    refused(GOLDEN("gemma3"), "{\"query_pre_attn_scalar\": 1e308}", "query_pre_attn_scalar is 1e+308, expected");
    refused(GOLDEN("llama"), "{\"vocab_size\": 0}", "vocab_size is 0");
    refused(GOLDEN("llama"), "{\"hidden_size\": 9223372036854775808}", "hidden_size is an integer of too many digits");
    refused(GOLDEN("llama"), "{\"num_hidden_layers\": \"REMOVE\"}", "no num_hidden_layers");
    refused(GOLDEN("llama"), "{\"rms_norm_eps\": {\"__float__\": \"NaN\"}}", "rms_norm_eps");
    refused(GOLDEN("llama"), "{\"rope_theta\": {\"__float__\": \"Infinity\"}}", "rope_theta");
    refused(GOLDEN("llama"), "{\"tie_word_embeddings\": 1}", "tie_word_embeddings");
    refused(GOLDEN("llama"), "{\"hidden_act\": \"tanhish\"}", "hidden_act is \"tanhish\"");
    refused(GOLDEN("llama"), "{\"max_position_embeddings\": 0}", "max_position_embeddings is 0");
    refused(GOLDEN("llama"), "{\"model_type\": \"yeti\"}", "yeti");
    refused(GOLDEN("llama"), "{\"model_type\": \"REMOVE\"}", "model_type");
    refused(GOLDEN("mixtral"), "{\"num_local_experts\": 0}", "num_local_experts is 0");
    refused(GOLDEN("mixtral"), "{\"num_local_experts\": 4000}", "4000 experts");
    refused(GOLDEN("mixtral"), "{\"num_experts_per_tok\": 5}", "num_experts_per_tok is 5");
    refused(GOLDEN("gemma3"), "{\"layer_types\": \"REMOVE\", \"_sliding_window_pattern\": 0}", "pattern is 0");
    refused(GOLDEN("gemma3"), "{\"layer_types\": [\"full_attention\"]}", "layer_types has 1 elements");
    refused(GOLDEN("gpt2"), "{\"n_inner\": 7}", "c_proj.weight is BF16 [256, 64], expected [7, 64]");
    refused(GOLDEN("gpt2"), "{\"n_positions\": 64}", "wpe");
}

static void shapes(void **state)
{
    (void)state;
    refused(GOLDEN("llama"), "{\"intermediate_size\": 160}", "mlp.gate_proj.weight is BF16 [128, 64], expected");
    refused(GOLDEN("llama"), "{\"intermediate_size\": 96}",
            "mlp.down_proj.weight is BF16 [64, 128], expected [64, 96]");
    /* Rows that nobody draws. */
    refused(GOLDEN("phi3_longrope"), "{\"num_key_value_heads\": 1}",
            "qkv_proj.weight is BF16 [128, 64], expected [96, 64]");
    /* No num_key_value_heads: as many as heads, so k is too small. */
    refused(GOLDEN("llama"), "{\"num_key_value_heads\": \"REMOVE\"}", "k_proj.weight is BF16 [32, 64]");
    refused(GOLDEN("llama"), "{\"vocab_size\": 257}", "256 rows for a vocabulary of 257");
    refused(GOLDEN("llama"), "{\"attention_bias\": true}", "no tensor model.layers.0.self_attn.q_proj.bias");
    struct patched p;
    taken(&p, GOLDEN("llama"), "{\"vocab_size\": 250}"); /* padded */
    assert_int_equal(p.facts.n_vocab, 256);
    patched_close(&p);
}

static void defaults(void **state)
{
    struct patched p;
    (void)state;
    taken(&p, GOLDEN("llama"), "{\"head_dim\": null}");
    patched_close(&p);
    /* null: as many as heads, the width over the heads; absent ones have the family's own number */
    refused(GOLDEN("qwen3"), "{\"num_key_value_heads\": null}",
            "k_proj.weight is BF16 [32, 64], expected at least [64, 64]");
    refused(GOLDEN("qwen3"), "{\"num_key_value_heads\": \"REMOVE\"}", "4 attention heads over 32");
    taken(&p, GOLDEN("qwen3"), "{\"head_dim\": null}");
    patched_close(&p);
    refused(GOLDEN("qwen3"), "{\"head_dim\": \"REMOVE\"}",
            "q_proj.weight is BF16 [64, 64], expected at least [512, 64]");
    taken(&p, GOLDEN("llama"), "{\"head_dim\": \"REMOVE\", \"tie_word_embeddings\": \"REMOVE\"}");
    patched_close(&p);
    taken(&p, GOLDEN("gemma3"), "{\"tie_word_embeddings\": \"REMOVE\"}"); /* true for Gemma */
    patched_close(&p);
    refused(GOLDEN("qwen3"), "{\"tie_word_embeddings\": \"REMOVE\"}", "lm_head"); /* false for Qwen */
    refused(GOLDEN("qwen3"), "{\"tie_word_embeddings\": false}", "lm_head");
    taken(&p, GOLDEN("llama"), "{\"tie_word_embeddings\": true}"); /* but another head is stored */
    assert_string_equal(p.plan->weights[last(&p, HZ_OP_LINEAR)->weight[0]].name, "lm_head.weight");
    patched_close(&p);
    taken(&p, GOLDEN("mixtral"), "{\"num_local_experts\": \"REMOVE\", \"num_experts\": 4}");
    patched_close(&p);
    taken(&p, GOLDEN("gemma3"), "{\"hidden_activation\": \"REMOVE\", \"hidden_act\": \"gelu\"}");
    assert_int_equal(last(&p, HZ_OP_GLU)->u.glu.act, HZ_ACT_GELU_TANH);
    patched_close(&p);
}

static void shell(void **state)
{
    struct patched p;
    char text[4096];
    (void)state;
    patched_open(&p, GOLDEN("llama"));
    struct hz_buf inner;
    struct hz_json_writer w;
    hz_buf_init(&inner, 4096);
    hz_json_begin(&w, &inner, 0);
    hz_json_put(&w, hz_json_root(p.ck->config));
    snprintf(text, sizeof text,
             "{\"model_type\": \"llava\", \"image_token_index\": 7, \"vision_config\": {\"x\": 1}, \"eos_token_id\": 9,"
             " \"text_config\": %s}",
             inner.data);
    hz_json_free(p.ck->config);
    p.ck->config = parse(text);
    hz_buf_free(&inner);
    /* Its tensors stand behind the shell's prefixes. */
    struct hz_tensor_table *table = &p.ck->table;
    struct hz_map names = {0};
    char(*renamed)[128] = calloc(table->n, sizeof *renamed);
    for (size_t i = 0; i < table->n; i++) {
        snprintf(renamed[i], sizeof renamed[i], "language_model.%s", table->tensors[i].name);
        table->tensors[i].name = renamed[i];
        assert_true(hz_map_put(&names, renamed[i], strlen(renamed[i]), (uint32_t)i));
    }
    struct hz_map old = table->by_name;
    table->by_name = names;
    patched_plan(&p);
    if (!p.plan)
        fail_msg("%s", p.err.text);
    assert_string_equal(p.plan->weights[0].name, "language_model.model.embed_tokens.weight");
    assert_string_equal(p.plan->weights[last(&p, HZ_OP_LINEAR)->weight[0]].name, "language_model.lm_head.weight");
    assert_int_equal(p.facts.eos[0], 2);
    table->by_name = old;
    hz_map_free(&names);
    patched_close(&p);
    free(renamed);
}

/* ---- windows ----------------------------------------------------------------------------------------------------- */

static void windows(void **state)
{
    struct patched p;
    (void)state;
    taken(&p, GOLDEN("qwen3"),
          "{\"use_sliding_window\": false, \"sliding_window\": 8, \"max_window_layers\": 0,"
          " \"layer_types\": \"REMOVE\"}");
    assert_int_equal(window(&p, 0), 0);
    patched_close(&p);
    taken(&p, GOLDEN("qwen3"),
          "{\"use_sliding_window\": true, \"sliding_window\": 8, \"max_window_layers\": 1,"
          " \"layer_types\": null}");
    assert_int_equal(window(&p, 0), 0);
    assert_int_equal(window(&p, 1), 8);
    patched_close(&p);
    taken(&p, GOLDEN("qwen3"),
          "{\"use_sliding_window\": true, \"sliding_window\": 8, \"max_window_layers\": 1,"
          " \"layer_types\": [\"sliding_attention\", \"full_attention\"]}");
    assert_int_equal(window(&p, 0), 8);
    assert_int_equal(window(&p, 1), 0);
    patched_close(&p);
    refused(GOLDEN("qwen3"), "{\"layer_types\": [\"chunked_attention\", \"full_attention\"]}", "chunked_attention");
    taken(&p, GOLDEN("gemma3"), "{\"layer_types\": \"REMOVE\", \"_sliding_window_pattern\": \"REMOVE\"}");
    for (int32_t i = 0; i < 6; i++) /* every sixth sees everything */
        assert_int_equal(window(&p, i), i == 5 ? 0 : 8);
    patched_close(&p);
    taken(&p, GOLDEN("gemma3"), "{\"layer_types\": \"REMOVE\", \"sliding_window_pattern\": 2}");
    for (int32_t i = 0; i < 6; i++)
        assert_int_equal(window(&p, i), i % 2 ? 0 : 8);
    patched_close(&p);
    taken(&p, GOLDEN("llama"), "{\"model_type\": \"mistral\", \"pretraining_tp\": 1}"); /* absent: 4096, null: none */
    assert_int_equal(window(&p, 0), 4096);
    patched_close(&p);
    taken(&p, GOLDEN("llama"), "{\"model_type\": \"mistral\", \"sliding_window\": null}");
    assert_int_equal(window(&p, 0), 0);
    patched_close(&p);
}

/* ---- rope -------------------------------------------------------------------------------------------------------- */

/* Frequency i and the scale of a table's variant, as chosen for a length. */
static double frequency(const struct patched *p, uint32_t table, uint32_t length, uint32_t i, float *scale)
{
    float inv[64];
    const struct hz_rope *rope = &p->plan->ropes[table];
    assert_true(table < p->plan->n_ropes && rope->rot <= 128 && i < rope->rot / 2);
    assert_true(hz_rope_freqs(rope, hz_rope_choose(rope, length), inv, scale));
    return inv[i];
}

/* Goldens have heads of 16 and theta 10000. */
static double plain(uint32_t i)
{
    return pow(10000, -2.0 * i / 16);
}

static void rope_spellings(void **state)
{
    static const char *const linear[] = {
        "{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 4}}",
        "{\"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 4.0}}",
        "{\"rope_scaling\": {\"rope_type\": \"linear\", \"type\": \"linear\", \"factor\": 4.0}}",
        "{\"rope_theta\": \"REMOVE\", \"rope_scaling\": \"REMOVE\","
        " \"rope_parameters\": {\"rope_type\": \"linear\", \"factor\": 4, \"rope_theta\": 10000}}",
        "{\"rope_theta\": 7, \"rope_scaling\": {},"
        " \"rope_parameters\": {\"rope_type\": \"linear\", \"factor\": 4, \"rope_theta\": 10000}}",
        "{\"rope_scaling\": null, \"rope_theta\": 7, \"rope_parameters\": {\"full_attention\":"
        " {\"rope_type\": \"linear\", \"factor\": 4, \"rope_theta\": 10000}}}",
    };
    static const char *const none[] = {
        "{\"rope_scaling\": null}",
        "{\"rope_scaling\": \"REMOVE\", \"rope_theta\": \"REMOVE\"}",
        "{\"rope_scaling\": {\"rope_type\": \"default\", \"factor\": 3}}",
        "{\"rope_scaling\": {\"rope_type\": null}}",
    };
    struct patched p;
    float scale;
    (void)state;
    for (size_t k = 0; k < HZ_COUNT(linear); k++) {
        taken(&p, GOLDEN("llama"), linear[k]);
        for (uint32_t i = 0; i < 8; i++)
            close_to(frequency(&p, 0, 1, i, &scale), plain(i) / 4);
        assert_true(scale == 1);
        patched_close(&p);
    }
    for (size_t k = 0; k < HZ_COUNT(none); k++) {
        taken(&p, GOLDEN("llama"), none[k]);
        close_to(frequency(&p, 0, 1, 3, &scale), plain(3));
        patched_close(&p);
    }
}

static void rope_refusals(void **state)
{
    (void)state;
    refused(GOLDEN("llama"), "{\"rope_scaling\": {\"type\": \"helical\", \"factor\": 4}}", "\"helical\"");
    refused(GOLDEN("llama"), "{\"rope_scaling\": {\"type\": \"linear\"}}", "rope_scaling.factor");
    refused(GOLDEN("llama"), "{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 0}}", "rope_scaling.factor");
    refused(GOLDEN("llama"), "{\"rope_scaling\": {\"type\": \"linear\", \"factor\": \"x\"}}", "rope_scaling.factor");
    refused(GOLDEN("llama"), "{\"rope_scaling\": {\"type\": \"default\", \"mrope_section\": [1]}}", "mrope_section");
    refused(GOLDEN("llama"), "{\"rope_scaling\": [1]}", "rope_scaling is an array");
    refused(GOLDEN("phi3_longrope"), "{\"partial_rotary_factor\": 0.1, \"rope_parameters\": \"REMOVE\"}",
            "rope over 1 of 16");
    refused(GOLDEN("phi3_longrope"), "{\"partial_rotary_factor\": 1.5, \"rope_parameters\": \"REMOVE\"}",
            "rope over 0 of 16");
    refused(GOLDEN("llama"), "{\"partial_rotary_factor\": 0.5}", "partial_rotary_factor is 0.5");
    refused(GOLDEN("llama"), "{\"rope_theta\": -1}", "rope_theta is -1");
    refused(GOLDEN("llama"),
            "{\"rope_parameters\": {\"full_attention\": {\"rope_type\": \"default\"},"
            " \"sliding_attention\": {\"rope_type\": \"default\"}}, \"rope_scaling\": null}",
            "differs by layer");
    refused(GOLDEN("llama"),
            "{\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1,"
            " \"high_freq_factor\": 1, \"original_max_position_embeddings\": 32}}",
            "equal");
    refused(GOLDEN("phi3_longrope"), "{\"rope_scaling\": {\"type\": \"longrope\", \"short_factor\": [1, 1]}}",
            "short_factor");
}

static void rope_yarn(void **state)
{
#define YARN(more)                                                                                                     \
    "{\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4, \"original_max_position_embeddings\": 32" more "}}"
    struct patched p;
    float scale;
    (void)state;
    taken(&p, GOLDEN("llama"), YARN(""));
    close_to(frequency(&p, 0, 1, 0, &scale), 1);
    close_to(frequency(&p, 0, 1, 7, &scale), plain(7) / 4);
    close_to((double)scale, 0.1 * log(4) + 1);
    double truncated = frequency(&p, 0, 1, 1, &scale);
    patched_close(&p);
    taken(&p, GOLDEN("llama"), YARN(", \"truncate\": false"));
    assert_true(fabs(frequency(&p, 0, 1, 1, &scale) - truncated) > 1e-4);
    patched_close(&p);
    taken(&p, GOLDEN("llama"), YARN(", \"attention_factor\": 1.5, \"attn_factor\": 9"));
    frequency(&p, 0, 1, 0, &scale);
    assert_true(scale == 1.5f);
    patched_close(&p);
    taken(&p, GOLDEN("llama"), YARN(", \"mscale\": 0.7, \"mscale_all_dim\": 0.5"));
    frequency(&p, 0, 1, 0, &scale);
    close_to((double)scale, (0.07 * log(4) + 1) / (0.05 * log(4) + 1));
    patched_close(&p);
#undef YARN
}

static void rope_by_length(void **state)
{
    struct patched p;
    float scale;
    (void)state;
    /* Short factors up to the original length, long ones for the whole sequence beyond it. */
    taken(&p, GOLDEN("phi3_longrope"), "{}");
    close_to(frequency(&p, 0, 32, 1, &scale), plain(1) / 1.05);
    close_to(frequency(&p, 0, 33, 1, &scale), plain(1) / 1.8);
    close_to((double)scale, sqrt(1 + log(4) / log(32)));
    patched_close(&p);
    /* The original length may stand outside, and factor be left out. */
    taken(&p, GOLDEN("phi3_longrope"),
          "{\"original_max_position_embeddings\": 64, \"rope_scaling\": {\"type\": \"su\","
          " \"short_factor\": [1,1,1,1,1,1,1,1], \"long_factor\": [2,2,2,2,2,2,2,2]}}");
    close_to(frequency(&p, 0, 64, 1, &scale), plain(1));
    close_to(frequency(&p, 0, 65, 1, &scale), plain(1) / 2);
    close_to((double)scale, sqrt(1 + log(2) / log(64)));
    patched_close(&p);
    /* Where it stands inside alone, Phi-3's default counts (transformers, Phi3Config); yarn is an old name too. */
    taken(&p, GOLDEN("phi3_longrope"),
          "{\"original_max_position_embeddings\": \"REMOVE\", \"max_position_embeddings\": 8192,"
          " \"rope_scaling\": {\"type\": \"yarn\", \"original_max_position_embeddings\": 32,"
          " \"short_factor\": [1,1,1,1,1,1,1,1], \"long_factor\": [2,2,2,2,2,2,2,2]}}");
    close_to(frequency(&p, 0, 4096, 1, &scale), plain(1));
    close_to(frequency(&p, 0, 4097, 1, &scale), plain(1) / 2);
    close_to((double)scale, sqrt(1 + log(2) / log(4096)));
    patched_close(&p);
    /* Dynamic: nothing up to the context, then the base grows with the length. */
    taken(&p, GOLDEN("llama"), "{\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2}}");
    close_to(frequency(&p, 0, 128, 3, &scale), plain(3));
    close_to(frequency(&p, 0, 256, 3, &scale), pow(10000 * pow(2.0 * 256 / 128 - 1, 16.0 / 14), -6.0 / 16));
    assert_int_equal(p.facts.context, 256); /* 128 would keep it from ever growing */
    patched_close(&p);
}

/* What transformers 5 takes where no base is given. */
static void rope_defaults(void **state)
{
    static const struct {
        const char *path, *patch;
        double base;
    } all[] = {
        {GOLDEN("llama"), "{\"rope_theta\": \"REMOVE\"}", 1e4},
        {GOLDEN("llama"), "{\"rope_theta\": \"REMOVE\", \"model_type\": \"smollm3\"}", 2e6},
        {GOLDEN("llama"),
         "{\"rope_theta\": \"REMOVE\", \"model_type\": \"cohere\", \"mlp_bias\": \"REMOVE\","
         " \"rms_norm_eps\": \"REMOVE\"}",
         5e5},
        {GOLDEN("mixtral"), "{\"rope_parameters\": \"REMOVE\"}", 1e6},
    };
    struct patched p;
    float scale;
    (void)state;
    for (size_t i = 0; i < HZ_COUNT(all); i++) {
        taken(&p, all[i].path, all[i].patch);
        close_to(frequency(&p, 0, 1, 2, &scale), pow(all[i].base, -4.0 / 16));
        patched_close(&p);
    }
}

static void rope_gemma3(void **state)
{
    struct patched p;
    float scale;
    (void)state;
    /* As transformers 4 wrote it: scaling is for the layers that see everything. Tables: local, global. */
    taken(&p, GOLDEN("gemma3"),
          "{\"rope_parameters\": \"REMOVE\", \"rope_theta\": 1000000, \"rope_local_base_freq\": 5000,"
          " \"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 8}}");
    close_to(frequency(&p, 0, 1, 2, &scale), pow(5000, -4.0 / 16));
    close_to(frequency(&p, 1, 1, 2, &scale), pow(1e6, -4.0 / 16) / 8);
    patched_close(&p);
    taken(&p, GOLDEN("gemma3"), "{\"rope_parameters\": \"REMOVE\"}");
    close_to(frequency(&p, 0, 1, 2, &scale), pow(10000, -4.0 / 16));
    close_to(frequency(&p, 1, 1, 2, &scale), pow(1e6, -4.0 / 16));
    patched_close(&p);
}

/* ---- facts ------------------------------------------------------------------------------------------------------- */

static void generation(void **state)
{
    struct patched p;
    (void)state;
    patched_open(&p, GOLDEN("llama"));
    hz_json_free(p.ck->generation_config);
    p.ck->generation_config = parse("{\"eos_token_id\": [5, 6, 5], \"do_sample\": true, \"temperature\": 0.5,"
                                    " \"top_k\": 20, \"top_p\": null, \"bos_token_id\": 4}");
    patched_plan(&p);
    assert_non_null(p.plan);
    assert_int_equal(p.facts.n_eos, 2);
    assert_int_equal(p.facts.eos[0], 5);
    assert_int_equal(p.facts.eos[1], 6);
    assert_int_equal(p.facts.bos, 4);
    assert_true(p.facts.sampling.temperature == 0.5f && p.facts.sampling.top_k == 20);
    assert_true(isnan(p.facts.sampling.top_p) && isnan(p.facts.sampling.min_p));
    assert_string_equal(p.facts.arch, "llama");
    patched_close(&p);

    patched_open(&p, GOLDEN("llama"));
    hz_json_free(p.ck->generation_config);
    p.ck->generation_config = parse("{\"do_sample\": false, \"temperature\": 0.5}");
    patched_plan(&p);
    assert_int_equal(p.facts.n_eos, 1); /* config.json's */
    assert_int_equal(p.facts.eos[0], 2);
    assert_true(p.facts.sampling.temperature == 0);
    patched_close(&p);
}

static void archs(void **state)
{
    const char *const *names = hz_model_archs();
    (void)state;
    assert_non_null(names[0]);
    for (size_t i = 1; names[i]; i++)
        assert_true(strcmp(names[i - 1], names[i]) < 0);
}

static void granite_like(void **state)
{
    struct patched p;
    (void)state;
    taken(&p, GOLDEN("llama"),
          "{\"model_type\": \"granite\", \"embedding_multiplier\": 2, \"logits_scaling\": 4, \"residual_multiplier\": "
          "0.5}");
    assert_true(last(&p, HZ_OP_ATTEND)->u.attend.scale == 1); /* attention_multiplier left out */
    assert_true(last(&p, HZ_OP_SCALE)->u.scale.mul == 0.25f);
    assert_int_equal(count(&p, HZ_OP_SCALE), 2);
    assert_true(last(&p, HZ_OP_ADD)->u.add.beta == 0.5f);
    patched_close(&p);
    refused(GOLDEN("llama"), "{\"model_type\": \"granite\", \"logits_scaling\": 0}", "logits divided by 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unread_keys),  cmocka_unit_test(quantized),      cmocka_unit_test(wrong_values),
        cmocka_unit_test(shapes),       cmocka_unit_test(defaults),       cmocka_unit_test(shell),
        cmocka_unit_test(windows),      cmocka_unit_test(rope_spellings), cmocka_unit_test(rope_refusals),
        cmocka_unit_test(rope_yarn),    cmocka_unit_test(rope_by_length), cmocka_unit_test(rope_defaults),
        cmocka_unit_test(rope_gemma3),  cmocka_unit_test(generation),     cmocka_unit_test(archs),
        cmocka_unit_test(granite_like),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
