/* weights.c - the files of a checkpoint's tensors: one safetensors file, shards by an index, one GGUF or its parts. */
#include "file/weights.h"

#include "file/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The mapping lives as long as the checkpoint. */
static hz_status map_file(struct hz_checkpoint *ck, const char *path, struct hz_file_map *map, struct hz_error *err)
{
    struct hz_checkpoint_owned *own = ck->owned;
    if (!HZ_GROW(own->maps, own->n_maps, own->cap_maps))
        return hz_fail_nomem(err, own->n_maps * sizeof *own->maps);
    HZ_TRY(hz_file_map(path, map, err));
    own->maps[own->n_maps++] = *map;
    ck->bytes += map->size;
    return HZ_OK;
}

static hz_status open_safetensors(struct hz_checkpoint *ck, const char *path, hz_tensor_filter *wanted, void *user,
                                  struct hz_error *err)
{
    struct hz_checkpoint_owned *own = ck->owned;
    struct hz_file_map map = {0};
    HZ_TRY(map_file(ck, path, &map, err));
    return hz_safetensors_read(&map, path, &own->arena, &ck->table, wanted, user, err);
}

hz_status hz_weights_open_single(struct hz_checkpoint *checkpoint, const char *path, struct hz_error *err)
{
    return open_safetensors(checkpoint, path, NULL, NULL, err);
}

/* ---- shards by index -------------------------------------------------------------------------------------------- */

struct shards {
    struct hz_map of_tensor; /* tensor name to shard */
    struct hz_map by_name;   /* file name to shard */
    const char **names;
    size_t n, cap;
    uint32_t open; /* the shard being read */
};

static bool is_in_open_shard(void *user, const char *name)
{
    const struct shards *s = user;
    uint32_t shard;
    return hz_map_get(&s->of_tensor, name, strlen(name), &shard) && shard == s->open;
}

/* Names stay inside the folder: an index is data from outside and must not reach for other files. */
static bool is_plain_name(const char *name, size_t len)
{
    return len && !memchr(name, 0, len) && !strpbrk(name, "/\\") && strcmp(name, ".") && strcmp(name, "..");
}

static hz_status collect_shards(struct shards *s, struct hz_json weight_map, struct hz_error *err)
{
    if (weight_map.kind != HZ_JSON_OBJECT)
        return hz_fail(err, HZ_E_FORMAT, "weight_map is %s, expected an object", hz_json_kind_name(weight_map.kind));
    for (struct hz_json_iter it = hz_json_each(weight_map); hz_json_next(&it);) {
        size_t len;
        const char *name = hz_json_str(it.value, &len);
        uint32_t shard = (uint32_t)s->n;
        if (!name || !is_plain_name(name, len))
            return hz_fail(err, HZ_E_FORMAT, "tensor '%.200s' is not given a file of this folder", it.key);
        if (!hz_map_get(&s->by_name, name, len, &shard)) {
            if (!HZ_GROW(s->names, s->n, s->cap) || !hz_map_put(&s->by_name, name, len, shard))
                return hz_fail_nomem(err, s->n * sizeof *s->names);
            s->names[s->n++] = name;
        }
        if (!hz_map_put(&s->of_tensor, it.key, it.key_len, shard))
            return hz_fail_nomem(err, it.key_len);
    }
    return s->n ? HZ_OK : hz_fail(err, HZ_E_FORMAT, "weight_map names no tensor");
}

static hz_status open_shards(struct hz_checkpoint *ck, const char *folder, const char *index_path, struct shards *s,
                             struct hz_json weight_map, struct hz_error *err)
{
    struct hz_checkpoint_owned *own = ck->owned;
    hz_status status = collect_shards(s, weight_map, err);
    if (status != HZ_OK)
        return hz_fail_in(err, status, "%s", index_path);
    for (s->open = 0; s->open < s->n; s->open++) {
        const char *path = hz_arena_printf(&own->arena, "%s/%s", folder, s->names[s->open]);
        if (!path)
            return hz_fail_nomem(err, strlen(folder));
        if (hz_file_kind(path) == HZ_FILE_MISSING)
            return hz_fail(err, HZ_E_NOTFOUND, "%s: names the shard %.200s, which is missing: incomplete download?",
                           index_path, s->names[s->open]);
        HZ_TRY(open_safetensors(ck, path, is_in_open_shard, s, err));
    }
    for (struct hz_json_iter it = hz_json_each(weight_map); hz_json_next(&it);)
        if (!hz_tensor_find(&ck->table, it.key))
            return hz_fail(err, HZ_E_FORMAT, "%s: gives tensor '%.200s' to %s, whose header lacks it", index_path,
                           it.key, hz_json_str(it.value, NULL));
    return HZ_OK;
}

hz_status hz_weights_open_index(struct hz_checkpoint *checkpoint, const char *folder, const char *index_path,
                                struct hz_error *err)
{
    struct hz_json_doc *doc;
    struct shards shards = {0};
    HZ_TRY(hz_json_load(index_path, &doc, err));
    struct hz_json weight_map = hz_json_get(hz_json_root(doc), "weight_map");
    hz_status status = open_shards(checkpoint, folder, index_path, &shards, weight_map, err);
    hz_map_free(&shards.of_tensor);
    hz_map_free(&shards.by_name);
    free(shards.names);
    hz_json_free(doc);
    return status;
}

/* ---- GGUF and its parts ----------------------------------------------------------------------------------------- */

enum { PART_SUFFIX = sizeof "-00001-of-00003.gguf" - 1 };

/* Five digits. */
static bool read_part_number(const char *s, unsigned *out)
{
    *out = 0;
    for (int i = 0; i < 5; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        *out = *out * 10 + (unsigned)(s[i] - '0');
    }
    return true;
}

bool hz_split_name_parse(const char *path, struct hz_split_name *name)
{
    size_t len = strlen(path);
    if (len < PART_SUFFIX)
        return false;
    const char *s = path + len - PART_SUFFIX;
    name->stem = len - PART_SUFFIX;
    return s[0] == '-' && read_part_number(s + 1, &name->no) && !memcmp(s + 6, "-of-", 4) &&
           read_part_number(s + 10, &name->count) && !strcmp(s + 15, ".gguf") && name->no && name->no <= name->count;
}

static const char *part_path(struct hz_arena *arena, const char *path, const struct hz_split_name *name, unsigned no)
{
    return hz_arena_printf(arena, "%.*s-%05u-of-%05u.gguf", (int)name->stem, path, no, name->count);
}

static hz_status parse_part(struct hz_checkpoint *ck, const char *path, struct hz_gguf *g, struct hz_error *err)
{
    struct hz_checkpoint_owned *own = ck->owned;
    struct hz_file_map map = {0};
    HZ_TRY(map_file(ck, path, &map, err));
    return hz_gguf_parse(map.data, map.size, path, &own->arena, g, &ck->table, err);
}

/* An integer key of a part; `otherwise` where the key is absent. */
static hz_status part_int(const struct hz_gguf *g, const char *key, int64_t otherwise, int64_t *out,
                          struct hz_error *err)
{
    const struct hz_meta *m = hz_gguf_get(g, key);
    *out = otherwise;
    if (m && !hz_meta_int(m, out))
        return hz_fail(err, HZ_E_FORMAT, "%s: %s is of type %s, expected an integer", g->path, key,
                       hz_meta_type_name(m->type));
    return HZ_OK;
}

/* Part number no (from 1) of a set says of itself what its name says. */
static hz_status check_part(const struct hz_gguf *g, unsigned no, unsigned count, struct hz_error *err)
{
    int64_t split_no, split_count;
    HZ_TRY(part_int(g, "split.no", no - 1, &split_no, err));
    HZ_TRY(part_int(g, "split.count", count, &split_count, err));
    if (split_no != (int64_t)no - 1 || split_count != count)
        return hz_fail(err, HZ_E_FORMAT, "%s: says it is part %" PRId64 " of %" PRId64 ", expected part %u of %u",
                       g->path, split_no + 1, split_count, no, count);
    return HZ_OK;
}

static hz_status open_other_parts(struct hz_checkpoint *ck, const char *path, const struct hz_split_name *name,
                                  struct hz_error *err)
{
    struct hz_checkpoint_owned *own = ck->owned;
    int64_t expected;
    for (unsigned no = 2; no <= name->count; no++) {
        const char *part = part_path(&own->arena, path, name, no);
        struct hz_gguf g = {0};
        if (!part)
            return hz_fail_nomem(err, name->stem);
        if (hz_file_kind(part) == HZ_FILE_MISSING)
            return hz_fail(err, HZ_E_NOTFOUND, "%s: part %u of %u is missing", part, no, name->count);
        HZ_TRY(parse_part(ck, part, &g, err));
        hz_status status = check_part(&g, no, name->count, err);
        hz_gguf_free(&g);
        HZ_TRY(status);
    }
    HZ_TRY(part_int(&own->gguf, "split.tensors.count", (int64_t)ck->table.n, &expected, err));
    if (expected != (int64_t)ck->table.n)
        return hz_fail(err, HZ_E_FORMAT, "%s: split.tensors.count is %" PRId64 ", but the parts hold %zu tensors", path,
                       expected, ck->table.n);
    return HZ_OK;
}

hz_status hz_weights_open_gguf(struct hz_checkpoint *checkpoint, const char *path, bool header_only,
                               struct hz_error *err)
{
    struct hz_checkpoint_owned *own = checkpoint->owned;
    struct hz_split_name name;
    bool named = hz_split_name_parse(path, &name);
    const char *first =
        named ? part_path(&own->arena, path, &name, 1) : hz_arena_strndup(&own->arena, path, strlen(path));
    int64_t count;
    if (!first)
        return hz_fail_nomem(err, strlen(path));
    if (named && name.no > 1 && hz_file_kind(first) == HZ_FILE_MISSING)
        return hz_fail(err, HZ_E_NOTFOUND, "%s: part %u of a GGUF whose first part %s is missing", path, name.no,
                       first);
    HZ_TRY(parse_part(checkpoint, first, &own->gguf, err));
    checkpoint->gguf = &own->gguf;
    HZ_TRY(part_int(&own->gguf, "split.count", 1, &count, err));
    if (count <= 1)
        return HZ_OK;
    if (!named)
        return hz_fail(err, HZ_E_FORMAT,
                       "%s: one of %" PRId64 " parts, but its name does not end in -00001-of-%05" PRId64
                       ".gguf, so the others cannot be found",
                       path, count, count);
    HZ_TRY(check_part(&own->gguf, 1, name.count, err));
    return header_only ? HZ_OK : open_other_parts(checkpoint, first, &name, err);
}
