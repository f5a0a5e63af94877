/* Six published tokenizers against `tokenizers` on 681 strings: ids, texts and streamed pieces. The references lie
 * beside the checkout; where they don't, there is nothing to test. They are packed with xz, which is run to read them.
 */
#define _POSIX_C_SOURCE 200809L /* popen */

#include "base/buf.h"
#include "base/os/file.h"
#include "cases.h"

#define SHARED HZ_SHARED "/tokenizers"

static char *output_of(const char *command, size_t *len)
{
    FILE *f = popen(command, "r");
    assert_non_null(f);
    struct hz_buf out;
    hz_buf_init(&out, 1 << 30);
    char chunk[1 << 16];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        hz_buf_put(&out, chunk, n);
    assert_int_equal(pclose(f), 0);
    return hz_buf_take(&out, len);
}

static void check(const char *name)
{
    if (hz_file_kind(SHARED "/tokenizers.tar.xz") != HZ_FILE_REGULAR)
        skip();
    char command[1024], *text;
    size_t len;
    struct hz_error err = {0};
    struct hz_tokenizer *t;
    snprintf(command, sizeof command, "tar -xJOf '" SHARED "/tokenizers.tar.xz' ./%s/tokenizer.json", name);
    text = output_of(command, &len);
    hz_status status = hz_tokenizer_from_json(text, len, name, &t, &err);
    free(text);
    if (status)
        fail_msg("%s", err.text);
    snprintf(command, sizeof command, "xz -dc '" SHARED "/references/%s.json.xz'", name);
    text = output_of(command, &len);
    check_cases(t, text, len, 681, check_case);
    hz_tokenizer_free(t);
}

#define REFERENCE(name)                                                                                                \
    static void name(void **state)                                                                                     \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        check(#name);                                                                                                  \
    }

REFERENCE(gemma3)
REFERENCE(qwen3)
REFERENCE(llama3_1)
REFERENCE(llama2)
REFERENCE(deepseek_v3)
REFERENCE(gptoss)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemma3), cmocka_unit_test(qwen3),       cmocka_unit_test(llama3_1),
        cmocka_unit_test(llama2), cmocka_unit_test(deepseek_v3), cmocka_unit_test(gptoss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
