/* rows_c.c - what works on one row of f32 (norms, activations, rope, the sums behind sampling), in plain C. Sums are
 * kept in double: this is what the rungs are measured against. */
#include "kern/fill.h"

#include <math.h>

static void scale_shift(const float *x, double mean, double inv, const float *w, const float *b, float *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        float y = (float)((x[i] - mean) * inv);
        if (w)
            y *= w[i];
        out[i] = b ? y + b[i] : y;
    }
}

static void rms_norm_c(const float *x, const float *w, const float *b, float eps, float *out, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    scale_shift(x, 0, 1 / sqrt(sum / n + eps), w, b, out, n);
}

static void layer_norm_c(const float *x, const float *w, const float *b, float eps, float *out, uint32_t n)
{
    double sum = 0, square = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += x[i];
    double mean = sum / n;
    for (uint32_t i = 0; i < n; i++)
        square += (x[i] - mean) * (x[i] - mean);
    scale_shift(x, mean, 1 / sqrt(square / n + eps), w, b, out, n);
}

static void add_c(const float *a, float alpha, const float *b, float beta, float *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = alpha * a[i] + beta * b[i];
}

static void scale_c(const float *x, float mul, float clamp, float *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        float y = x[i] * mul;
        if (clamp > 0)
            y = y > clamp ? clamp : y < -clamp ? -clamp : y;
        out[i] = y;
    }
}

static void softcap_c(const float *x, float cap, float *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = cap * tanhf(x[i] / cap);
}

static float act_of(enum hz_act act, float x)
{
    switch (act) {
    case HZ_ACT_SILU:
        return x / (1 + expf(-x));
    case HZ_ACT_GELU:
        return 0.5f * x * (1 + erff(x * 0.707106781f));
    case HZ_ACT_GELU_TANH:
        return 0.5f * x * (1 + tanhf(0.797884561f * (x + 0.044715f * x * x * x)));
    case HZ_ACT_RELU:
        return x < 0 ? 0 : x; /* a NaN stays one */
    case HZ_ACT_RELU2:
        return x < 0 ? 0 : x * x;
    case HZ_ACT_SIGMOID:
        return 1 / (1 + expf(-x));
    default:
        return x;
    }
}

static void act_c(enum hz_act act, const float *x, float *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = act_of(act, x[i]);
}

static void glu_c(enum hz_act act, const float *gate, const float *up, float *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = act_of(act, gate[i]) * up[i];
}

static void rope_c(float *x, const float *cos, const float *sin, uint32_t rot, bool pairs)
{
    uint32_t half = rot / 2;
    for (uint32_t i = 0; i < half; i++) {
        float *a = &x[pairs ? 2 * i : i], *b = &x[pairs ? 2 * i + 1 : i + half];
        float a0 = *a, b0 = *b;
        *a = a0 * cos[i] - b0 * sin[i];
        *b = b0 * cos[i] + a0 * sin[i];
    }
}

static int32_t argmax_c(const float *x, uint32_t n)
{
    int32_t best = -1;
    for (uint32_t i = 0; i < n; i++)
        if (best < 0 ? x[i] == x[i] : x[i] > x[best])
            best = (int32_t)i;
    return best;
}

static double exp_sum_c(const float *x, float from, float mul, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        float y = (x[i] - from) * mul;
        if (y == y)
            sum += expf(y);
    }
    return sum;
}

static float log_sum_exp_c(const float *x, uint32_t n)
{
    int32_t top = argmax_c(x, n);
    if (top < 0 || isinf(x[top]))
        return top < 0 ? -INFINITY : x[top];
    return x[top] + (float)log(exp_sum_c(x, x[top], 1, n));
}

void hz_kern_rows_c(struct hz_kern *k)
{
    k->rms_norm = rms_norm_c;
    k->layer_norm = layer_norm_c;
    k->add = add_c;
    k->scale = scale_c;
    k->softcap = softcap_c;
    k->act = act_c;
    k->glu = glu_c;
    k->rope = rope_c;
    k->argmax = argmax_c;
    k->exp_sum = exp_sum_c;
    k->log_sum_exp = log_sum_exp_c;
}
