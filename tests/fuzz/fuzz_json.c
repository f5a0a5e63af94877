/* Any bytes: refused, or read, walked and written; what was written reads back and is written the same again. */
#include "text/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_out(const struct hz_json_doc *doc, struct hz_buf *out)
{
    struct hz_json_writer w;
    hz_buf_init(out, 64 << 20);
    hz_json_begin(&w, out, 0);
    hz_json_put(&w, hz_json_root(doc));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hz_json_doc *doc, *again;
    struct hz_error err;
    if (hz_json_parse((const char *)data, size, "fuzz", &doc, &err) != HZ_OK)
        return 0;
    struct hz_buf first, second;
    write_out(doc, &first);
    if (hz_json_parse(first.data, first.len, "written", &again, &err) != HZ_OK)
        abort();
    write_out(again, &second);
    if (first.len != second.len || memcmp(first.data, second.data, first.len))
        abort();
    hz_buf_free(&first);
    hz_buf_free(&second);
    hz_json_free(doc);
    hz_json_free(again);
    return 0;
}
