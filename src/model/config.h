/* config.h - one accessor for a model's configuration, whatever the spelling: config.json as transformers 4 and 5 write
 * it (text_config nested or not, rope_scaling or rope_parameters), or GGUF metadata. Every key that is read is noted; a
 * key that nobody read and nobody knows as harmless is an error with its name (hz_config_done). */
#ifndef HZ_MODEL_CONFIG_H
#define HZ_MODEL_CONFIG_H

#include "plan/plan.h"

struct hz_config;

/* `keys`: spellings separated by '|', the first one present and not null counts: "hidden_size|n_embd". A GGUF's key is
 * written with a leading dot for the architecture's prefix: ".embedding_length" is "llama.embedding_length"; without a
 * dot and with "ggml" or "general" it stands as it is. A value of the wrong kind or out of range is noted as an error
 * (the first one is kept) and the default returned: so an arch file asks for all it needs and hz_config_done fails
 * once. */
uint32_t hz_config_u32(struct hz_config *c, const char *keys, uint32_t otherwise);
/* A size: 1 to `most`; otherwise 0: it must be present. A GGUF may give it for each layer: then all must be equal. 1
 * after an error, so that it may be divided by. */
uint32_t hz_config_size(struct hz_config *c, const char *keys, uint32_t otherwise, uint32_t most);
double hz_config_f64(struct hz_config *c, const char *keys, double otherwise); /* finite as a float, too */
double hz_config_f64_in(struct hz_config *c, const char *keys, double otherwise, double least, double most);
bool hz_config_bool(struct hz_config *c, const char *keys, bool otherwise);
const char *hz_config_str(struct hz_config *c, const char *keys, const char *otherwise);
bool hz_config_has(struct hz_config *c, const char *keys);  /* present and not null */
bool hz_config_null(struct hz_config *c, const char *keys); /* present and null, which some families tell from absent */
/* Element i of an array, or the value itself if it is no array (GGUF: head_count_kv may be either). */
uint32_t hz_config_u32_at(struct hz_config *c, const char *keys, uint32_t i, uint32_t otherwise);
const char *hz_config_str_at(struct hz_config *c, const char *keys, uint32_t i, const char *otherwise);
uint32_t hz_config_len(struct hz_config *c, const char *keys); /* elements of an array; 0: absent, or no array */
void hz_config_ignore(struct hz_config *c, const char *keys);  /* counts as read */
void hz_config_fail(struct hz_config *c, const char *fmt, ...) HZ_PRINTF(2, 3); /* notes an error of the arch's own */
void hz_config_nomem(struct hz_config *c);                                      /* notes that memory is short */
bool hz_config_failed(const struct hz_config *c); /* an error was noted: what is read from now on means nothing */
bool hz_config_is_gguf(const struct hz_config *c);
enum hz_act hz_config_act(struct hz_config *c, const char *keys, enum hz_act otherwise);
/* The longest sequence the model was made for; rope scalings and hz_model_facts use it too. */
uint32_t hz_config_context(struct hz_config *c, uint32_t otherwise);

/* Does the checkpoint have this tensor? Names are those arch files use (Hugging Face's without prefix of the trunk, see
 * model.h); a GGUF's are translated. */
bool hz_config_tensor(const struct hz_config *c, const char *name);
/* What the checkpoint calls it, or would call it, for errors; `real` has HZ_CONFIG_NAME bytes and is returned. */
enum { HZ_CONFIG_NAME = 256 };
const char *hz_config_tensor_name(const struct hz_config *c, const char *name, char *real);
/* Its rows, outer dimensions flattened; 0 if there is none. */
uint32_t hz_config_rows(const struct hz_config *c, const char *name);

/* What only Phi-3 has, said before its rope is read: a rope over a part of each head, and a length that longrope takes
 * for the original one where no key outside of rope_scaling says another, whatever stands inside. */
void hz_config_rope_of_phi3(struct hz_config *c, uint32_t original);
/* Rope of a model: reads rope_theta, rope_scaling / rope_parameters (also per layer type: `layer_type`
 * "full_attention", "sliding_attention" or NULL), partial_rotary_factor, GGUF's rope keys and rope_freqs tensors. Adds
 * the table. */
uint32_t hz_config_rope(struct hz_config *c, struct hz_plan *p, uint32_t head_dim, const char *layer_type,
                        double default_theta);

/* A weight over the named tensor, whole: the loader checks that it is [rows, cols], or of `n` elements. printf-like. */
uint32_t hz_weight_linear(struct hz_plan *p, uint32_t rows, uint32_t cols, const char *fmt, ...) HZ_PRINTF(4, 5);
uint32_t hz_weight_embed(struct hz_plan *p, uint32_t rows, uint32_t cols, bool tied, const char *fmt, ...)
    HZ_PRINTF(5, 6); /* tied: it is the head as well */
uint32_t hz_weight_vector(struct hz_plan *p, uint32_t n, float add, const char *fmt, ...) HZ_PRINTF(4, 5);

#endif
