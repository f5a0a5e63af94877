/* names.h - one name for a tensor, whatever the checkpoint calls it. Arch files use Hugging Face's names without the
 * prefix of the trunk ("layers.0.self_attn.q_proj.weight", "lm_head.weight"); folders put a prefix in front that
 * depends on who saved them, GGUF has names of its own. */
#ifndef HZ_MODEL_NAMES_H
#define HZ_MODEL_NAMES_H

#include "file/checkpoint.h"

struct hz_names {
    const struct hz_checkpoint *ck;
    const char *trunk, *head; /* folder: what stands in front of "layers." and of "lm_head." */
};

enum { HZ_NAME_MAX = 256 };

/* Decides the prefixes once, from the names present. */
void hz_names_detect(struct hz_names *names, const struct hz_checkpoint *ck);
/* The checkpoint's tensor of that name, NULL if it has none; `real` gets its name there, in either case. */
const struct hz_tensor *hz_names_find(const struct hz_names *names, const char *name, char real[HZ_NAME_MAX]);

/* Is `name` one of those between '|' in `names`? NULL has none. */
bool hz_names_among(const char *names, const char *name);

#endif
