/* rope.c - which frequencies a sequence's rope has. */
#include "plan/plan.h"

#include <math.h>
#include <string.h>

uint32_t hz_rope_choose(const struct hz_rope *rope, uint32_t length)
{
    if (!rope->limit || length <= rope->limit)
        return 0;
    return rope->dynamic ? length : 1;
}

bool hz_rope_freqs(const struct hz_rope *rope, uint32_t choice, float *inv_freq, float *scale)
{
    uint32_t half = rope->rot / 2;
    if (choice && rope->dynamic) {
        /* transformers 5.24, modeling_rope_utils._compute_dynamic_ntk_parameters, seq_len = choice. */
        if (choice <= rope->limit || rope->rot <= 2)
            return false;
        double dim = rope->rot, grown = rope->factor * choice / rope->limit - (rope->factor - 1);
        double base = rope->base * pow(grown, dim / (dim - 2));
        for (uint32_t i = 0; i < half; i++)
            inv_freq[i] = (float)(1.0 / pow(base, 2.0 * i / dim));
        *scale = rope->scale[0];
        return true;
    }
    if (choice >= rope->n_variants)
        return false;
    memcpy(inv_freq, rope->inv_freq[choice], half * sizeof *inv_freq);
    *scale = rope->scale[choice];
    return true;
}
