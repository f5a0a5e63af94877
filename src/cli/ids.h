/* ids.h - lists of token ids, as JSON has them. */
#ifndef HZ_CLI_IDS_H
#define HZ_CLI_IDS_H

#include "text/json.h"

struct hz_id_list { /* starts as {0} */
    int32_t *at;
    size_t n;
};

/* array: of whole numbers from 0 on. */
hz_status hz_id_list_from_json(struct hz_json array, struct hz_id_list *list, struct hz_error *err);
/* A file with such an array; -: standard input. */
hz_status hz_id_list_load(const char *path, struct hz_id_list *list, struct hz_error *err);
void hz_id_list_free(struct hz_id_list *list);

#endif
