/* Plans of golden checkpoints: each builds, passes the check and finds its tensors; six are compared with stored text
 * (tests/data/plan; `test_model_plans --write` writes it anew). */
#include "base/os/file.h"
#include "file/checkpoint.h"
#include "model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static bool writing;

/* Those in the repository; the rest lies beside the checkout, where it does. */
static const char *const stored[] = {"gemma3", "gpt2", "llama", "mixtral", "phi3_longrope", "qwen3"};
static const char *const beside[] = {
    "cohere",
    "gemma",
    "gemma2",
    "granite",
    "llama3_rope",
    "llama_dynamic_rope",
    "llama_linear_rope",
    "llama_yarn",
    "mistral",
    "mistral_full",
    "olmo2",
    "phi3",
    "qwen2",
    "qwen2_swa",
    "qwen3_moe",
    "smollm3",
    "starcoder2",
};

static struct hz_checkpoint *open_checkpoint(const char *path)
{
    struct hz_error err = {0};
    struct hz_checkpoint_options options = {0};
    struct hz_checkpoint *ck;
    if (hz_checkpoint_open(path, &options, &ck, &err) != HZ_OK)
        fail_msg("%s", err.text);
    return ck;
}

static void check_plan(const char *path, struct hz_buf *text)
{
    struct hz_checkpoint *ck = open_checkpoint(path);
    struct hz_error err = {0};
    struct hz_model_facts facts;
    struct hz_plan *plan;
    if (hz_model_plan(ck, &plan, &facts, &err) != HZ_OK)
        fail_msg("%s", err.text);
    assert_int_equal(facts.n_vocab, 256);
    assert_int_equal(facts.context, strstr(path, "dynamic") ? 2 * 128 : 128);
    assert_int_equal(facts.n_eos, 1);
    assert_int_equal(facts.eos[0], 2);
    assert_int_equal(facts.bos, 1);
    if (text)
        hz_plan_print(plan, text);
    hz_plan_free(plan);
    hz_checkpoint_close(ck);
}

static void stored_plans(void **state)
{
    (void)state;
    for (size_t i = 0; i < HZ_COUNT(stored); i++) {
        char path[512];
        struct hz_buf text;
        struct hz_error err = {0};
        struct hz_file_writer *writer;
        char *want;
        size_t len;
        hz_buf_init(&text, 1 << 20);
        snprintf(path, sizeof path, HZ_TEST_DATA "/golden/%s", stored[i]);
        check_plan(path, &text);
        snprintf(path, sizeof path, HZ_TEST_DATA "/plan/%s.txt", stored[i]);
        if (writing) {
            assert_int_equal(hz_file_create(path, &writer, &err), HZ_OK);
            assert_int_equal(hz_file_write(writer, text.data, text.len, &err), HZ_OK);
            assert_int_equal(hz_file_finish(writer, true, &err), HZ_OK);
        } else {
            if (hz_file_read(path, 1 << 20, &want, &len, &err) != HZ_OK)
                fail_msg("%s", err.text);
            assert_string_equal(text.data, want);
            free(want);
        }
        hz_buf_free(&text);
    }
}

static void plans_beside(void **state)
{
    (void)state;
    for (size_t i = 0; i < HZ_COUNT(beside); i++) {
        char path[512];
        snprintf(path, sizeof path, HZ_SHARED "/golden/hf/%s", beside[i]);
        if (hz_file_kind(path) != HZ_FILE_FOLDER)
            skip();
        check_plan(path, NULL);
    }
}

int main(int argc, char **argv)
{
    writing = argc > 1 && !strcmp(argv[1], "--write");
    const struct CMUnitTest tests[] = {cmocka_unit_test(stored_plans), cmocka_unit_test(plans_beside)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
