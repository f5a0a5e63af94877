/* weights.h - inside file/: the files that hold a checkpoint's tensors, mapped and read into its table. */
#ifndef HZ_FILE_WEIGHTS_H
#define HZ_FILE_WEIGHTS_H

#include "base/os/file.h"
#include "file/checkpoint.h"

/* What hz_checkpoint.owned points to. */
struct hz_checkpoint_owned {
    struct hz_arena arena;
    struct hz_file_map *maps;
    size_t n_maps, cap_maps;
    struct hz_gguf gguf;
};

/* Everything below needs checkpoint->owned and adds to its table, mappings and bytes. */

/* One file of a folder. */
hz_status hz_weights_open_single(struct hz_checkpoint *checkpoint, const char *path, struct hz_error *err);
/* The shards that an index names. Each tensor comes from the shard that the index gives it, and from no other: a stale
 * copy elsewhere does not count. A shard that is missing or lacks its tensor is an error. */
hz_status hz_weights_open_index(struct hz_checkpoint *checkpoint, const char *folder, const char *index_path,
                                struct hz_error *err);
/* A GGUF by any of its parts; checkpoint->gguf is that of the first. header_only: the other parts are left alone. */
hz_status hz_weights_open_gguf(struct hz_checkpoint *checkpoint, const char *path, bool header_only,
                               struct hz_error *err);

/* NAME-00001-of-00003.gguf */
struct hz_split_name {
    size_t stem;        /* bytes of NAME */
    unsigned no, count; /* 1 and 3 */
};
bool hz_split_name_parse(const char *path, struct hz_split_name *name);

#endif
