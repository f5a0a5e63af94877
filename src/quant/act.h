/* act.h - the names of element-wise functions, one list for plans, CPU kernels and GPU code.
 * Formulas as in transformers 5.24, activations.py. */
#ifndef HZ_QUANT_ACT_H
#define HZ_QUANT_ACT_H

enum hz_act {
    HZ_ACT_SILU,      /* x * sigmoid(x) */
    HZ_ACT_GELU,      /* x/2 * (1 + erf(x / sqrt 2)) */
    HZ_ACT_GELU_TANH, /* x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))); also gelu_new, gelu_pytorch_tanh */
    HZ_ACT_RELU,
    HZ_ACT_RELU2, /* max(x, 0)^2 */
    HZ_ACT_SIGMOID,
    HZ_ACT_NONE,
    HZ_ACTS
};

#endif
