/* Any bytes as a template: refused, or rendered within limits. What follows a NUL is the JSON of the context; without
 * one the context is a small chat. */
#include "text/jinja.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char chat[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"s\"}, {\"role\": \"user\", \"content\": [{\"type\": "
    "\"text\", "
    "\"text\": \"hi\"}]}, {\"role\": \"assistant\", \"content\": \"<think>t</think>y\", \"tool_calls\": "
    "[{\"function\": "
    "{\"name\": \"f\", \"arguments\": {\"x\": 1, \"y\": [1.5, null, true]}}}]}], \"tools\": null, \"bos_token\": "
    "\"<s>\", \"add_generation_prompt\": true, \"n\": 12345678901234567890}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct hz_jinja_options options = {.max_steps = 200000, .max_output = 1 << 20, .now = "2025-01-02T03:04:05"};
    const char *source = (const char *)data, *nul = memchr(source, '\0', size);
    size_t len = nul ? (size_t)(nul - source) : size;
    const char *json = nul ? nul + 1 : chat;
    size_t json_len = nul ? size - len - 1 : sizeof chat - 1;
    struct hz_json_doc *context = NULL;
    struct hz_jinja *t = NULL;
    struct hz_error err;
    struct hz_buf out;
    hz_buf_init(&out, 2 << 20);
    if (hz_json_parse(json, json_len, "context", &context, &err) == HZ_OK &&
        hz_jinja_compile(source, len, "fuzz", &t, &err) == HZ_OK)
        hz_jinja_render(t, hz_json_root(context), &options, &out, &err);
    hz_jinja_free(t);
    hz_json_free(context);
    hz_buf_free(&out);
    return 0;
}
