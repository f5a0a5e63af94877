/* edit.h - a change to one logit before an id is drawn: the vocabulary that batches, CPU kernels and GPU code share. */
#ifndef HZ_QUANT_EDIT_H
#define HZ_QUANT_EDIT_H

#include <stdint.h>

struct hz_edit { /* logit = (logit > 0 ? logit / mul : logit * mul) + add */
    uint32_t id;
    float mul, add;
};

#endif
