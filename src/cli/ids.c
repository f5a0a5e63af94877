/* ids.c - reads lists of token ids. Whether the vocabulary has them the library says. */
#include "cli/ids.h"

#include "base/mem.h"
#include "cli/io.h"

#include <stdlib.h>

hz_status hz_id_list_from_json(struct hz_json array, struct hz_id_list *list, struct hz_error *err)
{
    if (array.kind != HZ_JSON_ARRAY)
        return hz_fail(err, HZ_E_INVALID, "an array of token ids was expected, not %s", hz_json_kind_name(array.kind));
    list->n = hz_json_len(array);
    list->at = hz_calloc(list->n, sizeof *list->at);
    if (!list->at)
        return hz_fail_nomem(err, list->n * sizeof *list->at);
    for (size_t i = 0; i < list->n; i++) {
        struct hz_json v = hz_json_at(array, i);
        int64_t id;
        if (!hz_json_int(v, &id))
            return hz_fail(err, HZ_E_INVALID, "item %zu of the token ids is %s, not a whole number", i,
                           hz_json_kind_name(v.kind));
        if (id < 0 || id > INT32_MAX)
            return hz_fail(err, HZ_E_INVALID, "item %zu of the token ids, %lld, is not from 0 to 2147483647", i,
                           (long long)id);
        list->at[i] = (int32_t)id;
    }
    return HZ_OK;
}

hz_status hz_id_list_load(const char *path, struct hz_id_list *list, struct hz_error *err)
{
    struct hz_json_doc *doc = NULL;
    HZ_TRY(hz_io_read_json(path, &doc, err));
    hz_status status = hz_id_list_from_json(hz_json_root(doc), list, err);
    if (status != HZ_OK)
        hz_fail_in(err, status, "%s", path);
    hz_json_free(doc);
    return status;
}

void hz_id_list_free(struct hz_id_list *list)
{
    free(list->at);
    *list = (struct hz_id_list){0};
}
