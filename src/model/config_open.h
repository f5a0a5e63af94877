/* config_open.h - the making of a configuration, for model/ alone: arch files see only config.h. */
#ifndef HZ_MODEL_CONFIG_OPEN_H
#define HZ_MODEL_CONFIG_OPEN_H

#include "file/checkpoint.h"
#include "model/config.h"
#include "model/names.h"

struct hz_config {
    const struct hz_checkpoint *ck;
    struct hz_names names;
    struct hz_json root, text; /* folder: config.json, and its text_config or the same */
    const char *type;          /* "gemma3_text"; of a GGUF general.architecture */
    struct hz_arena arena;     /* copies of keys and strings */
    struct hz_map read;        /* keys that somebody asked for */
    uint32_t context;
    uint32_t original; /* of a longrope, where no key says it; 0: the context */
    bool partial_rope;
    bool failed;
    struct hz_error err; /* the first error */
};

/* Finds the model's type and how its tensors are named. Refuses quantized folders by their method's name. */
hz_status hz_config_open(const struct hz_checkpoint *ck, struct hz_config **config, struct hz_error *err);
void hz_config_close(struct hz_config *c); /* NULL is fine */
/* The first noted error, else an error for the first key that nobody read and nobody knows as harmless. */
hz_status hz_config_done(const struct hz_config *c, struct hz_error *err);
/* The object under the first of the keys that is one, its key in *name; false: none. Counts as read, its keys do not.
 */
bool hz_config_object(struct hz_config *c, const char *keys, struct hz_json *object, const char **name);

#endif
