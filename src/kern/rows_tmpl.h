/* rows_tmpl.h - the template of the row kernels, for the vectors of the vec.h included before it; V_NAME(kernel) names
 * a kernel in its rung. It defines hz_kern_rows_<rung>. */
#include "kern/fill.h"
#include "kern/vec_math_tmpl.h"

#include <math.h>

/* The next vector of a row with `left` elements still to come; lanes beyond them are `fill`. */
V_INLINE vf take(const float *p, uint32_t left, float fill)
{
    return left >= VW ? v_load(p) : v_loadn(p, left, fill);
}

V_INLINE void put(float *p, uint32_t left, vf x)
{
    if (left >= VW)
        v_store(p, x);
    else
        v_storen(p, left, x);
}

/* Sum of (x - mean), or of its square. Lanes behind the end hold the mean: they add nothing. */
V_INLINE float sum_of(const float *x, float mean, bool square, uint32_t n)
{
    enum { SUMS = 4 }; /* enough to hide the latency of an addition */
    vf sum[SUMS];
    V_UNROLL
    for (uint32_t s = 0; s < SUMS; s++)
        sum[s] = v_set(0);
    uint32_t i = 0;
    for (; i + SUMS * VW <= n; i += SUMS * VW) {
        V_UNROLL
        for (uint32_t s = 0; s < SUMS; s++) {
            vf y = v_sub(v_load(x + i + s * VW), v_set(mean));
            sum[s] = square ? v_fma(y, y, sum[s]) : v_add(y, sum[s]);
        }
    }
    for (; i < n; i += VW) {
        vf y = v_sub(take(x + i, n - i, mean), v_set(mean));
        sum[0] = square ? v_fma(y, y, sum[0]) : v_add(y, sum[0]);
    }
    return v_sum(v_add(v_add(sum[0], sum[1]), v_add(sum[2], sum[3])));
}

V_INLINE void scale_shift(const float *x, float mean, float inv, const float *w, const float *b, float *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += VW) {
        vf y = v_mul(v_sub(take(x + i, n - i, 0), v_set(mean)), v_set(inv));
        if (w)
            y = v_mul(y, take(w + i, n - i, 0));
        if (b)
            y = v_add(y, take(b + i, n - i, 0));
        put(out + i, n - i, y);
    }
}

static void V_NAME(rms_norm)(const float *x, const float *w, const float *b, float eps, float *out, uint32_t n)
{
    float square = sum_of(x, 0, true, n);
    scale_shift(x, 0, 1 / sqrtf(square / (float)n + eps), w, b, out, n);
}

static void V_NAME(layer_norm)(const float *x, const float *w, const float *b, float eps, float *out, uint32_t n)
{
    float mean = sum_of(x, 0, false, n) / (float)n;
    mean += sum_of(x, mean, false, n) / (float)n; /* what rounding left: the mean may be far larger than the spread */
    float square = sum_of(x, mean, true, n);
    scale_shift(x, mean, 1 / sqrtf(square / (float)n + eps), w, b, out, n);
}

static void V_NAME(add)(const float *a, float alpha, const float *b, float beta, float *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += VW) {
        vf y = v_mul(take(b + i, n - i, 0), v_set(beta));
        put(out + i, n - i, v_fma(take(a + i, n - i, 0), v_set(alpha), y));
    }
}

static void V_NAME(scale)(const float *x, float mul, float clamp, float *out, uint32_t n)
{
    float most = clamp > 0 ? clamp : INFINITY;
    for (uint32_t i = 0; i < n; i += VW) {
        vf y = v_mul(take(x + i, n - i, 0), v_set(mul));
        put(out + i, n - i, v_max(v_set(-most), v_min(v_set(most), y)));
    }
}

static void V_NAME(softcap)(const float *x, float cap, float *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += VW)
        put(out + i, n - i, v_mul(v_tanh(v_div(take(x + i, n - i, 0), v_set(cap))), v_set(cap)));
}

V_INLINE vf act_of(enum hz_act act, vf x)
{
    vf zero = v_set(0), one = v_set(1), half = v_mul(x, v_set(0.5f));
    switch (act) {
    case HZ_ACT_SILU:
        return v_div(x, v_add(one, v_exp(v_sub(zero, x))));
    case HZ_ACT_GELU:
        return v_mul(half, v_add(one, v_erf(v_mul(x, v_set(0.707106781f)))));
    case HZ_ACT_GELU_TANH: {
        vf cube = v_mul(v_mul(v_mul(v_set(0.044715f), x), x), x);
        return v_mul(half, v_add(one, v_tanh(v_mul(v_set(0.797884561f), v_add(x, cube)))));
    }
    case HZ_ACT_RELU:
        return v_pick(v_lt(x, zero), zero, x);
    case HZ_ACT_RELU2:
        return v_pick(v_lt(x, zero), zero, v_mul(x, x));
    case HZ_ACT_SIGMOID:
        return v_div(one, v_add(one, v_exp(v_sub(zero, x))));
    default:
        return x;
    }
}

V_INLINE void act_rows(enum hz_act act, const float *x, const float *up, float *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += VW) {
        vf y = act_of(act, take(x + i, n - i, 0));
        put(out + i, n - i, up ? v_mul(y, take(up + i, n - i, 0)) : y);
    }
}

/* act(x), times up unless that is NULL. */
V_INLINE void act_any(enum hz_act act, const float *x, const float *up, float *out, uint32_t n)
{
    switch (act) {
    case HZ_ACT_SILU:
        act_rows(HZ_ACT_SILU, x, up, out, n);
        break;
    case HZ_ACT_GELU:
        act_rows(HZ_ACT_GELU, x, up, out, n);
        break;
    case HZ_ACT_GELU_TANH:
        act_rows(HZ_ACT_GELU_TANH, x, up, out, n);
        break;
    case HZ_ACT_RELU:
        act_rows(HZ_ACT_RELU, x, up, out, n);
        break;
    case HZ_ACT_RELU2:
        act_rows(HZ_ACT_RELU2, x, up, out, n);
        break;
    case HZ_ACT_SIGMOID:
        act_rows(HZ_ACT_SIGMOID, x, up, out, n);
        break;
    default:
        act_rows(HZ_ACT_NONE, x, up, out, n);
    }
}

static void V_NAME(act)(enum hz_act act, const float *x, float *out, uint32_t n)
{
    act_any(act, x, NULL, out, n);
}

static void V_NAME(glu)(enum hz_act act, const float *gate, const float *up, float *out, uint32_t n)
{
    act_any(act, gate, up, out, n);
}

V_INLINE void rotate(vf *a, vf *b, vf cos, vf sin)
{
    vf a0 = *a, b0 = *b;
    *a = v_nfma(b0, sin, v_mul(a0, cos));
    *b = v_fma(a0, sin, v_mul(b0, cos));
}

static void V_NAME(rope)(float *x, const float *cos, const float *sin, uint32_t rot, bool pairs)
{
    uint32_t half = rot / 2;
    for (uint32_t i = 0; i < half; i += VW) {
        vf a, b, c = take(cos + i, half - i, 0), s = take(sin + i, half - i, 0);
        if (!pairs) {
            a = take(x + i, half - i, 0), b = take(x + half + i, half - i, 0);
            rotate(&a, &b, c, s);
            put(x + i, half - i, a), put(x + half + i, half - i, b);
        } else if (half - i >= VW) {
            v_load2(x + 2 * i, &a, &b);
            rotate(&a, &b, c, s);
            v_store2(x + 2 * i, a, b);
        } else {
            float last[2 * VW] = {0};
            memcpy(last, x + 2 * i, (half - i) * 2 * sizeof *x);
            v_load2(last, &a, &b);
            rotate(&a, &b, c, s);
            v_store2(last, a, b);
            memcpy(x + 2 * i, last, (half - i) * 2 * sizeof *x);
        }
    }
}

/* ---- logits --------------------------------------------------------------------------------------------------- */

/* The largest of n; -INFINITY if there is no number. */
V_INLINE float max_of(const float *x, uint32_t n)
{
    vf top[4], none = v_set(-INFINITY);
    V_UNROLL
    for (uint32_t s = 0; s < 4; s++)
        top[s] = none;
    uint32_t i = 0;
    for (; i + 4 * VW <= n; i += 4 * VW) {
        V_UNROLL
        for (uint32_t s = 0; s < 4; s++)
            top[s] = v_max(v_load(x + i + s * VW), top[s]);
    }
    for (; i < n; i += VW)
        top[0] = v_max(take(x + i, n - i, -INFINITY), top[0]);
    return v_top(v_max(v_max(top[0], top[1]), v_max(top[2], top[3])));
}

/* Only a block that beats all before it is looked through for the place of its maximum, and only the last such one. */
static int32_t V_NAME(argmax)(const float *x, uint32_t n)
{
    enum { BLOCK = 2048 };
    float best = -INFINITY;
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i += BLOCK) {
        float top = max_of(x + i, HZ_MIN(BLOCK, n - i));
        if (top > best)
            best = top, at = i;
    }
    for (; at < n; at++)
        if (x[at] >= best) /* of -infinities alone the first; of NaNs alone none */
            return (int32_t)at;
    return -1;
}

static double V_NAME(exp_sum)(const float *x, float from, float mul, uint32_t n)
{
    enum { BLOCK = 64 * VW }; /* f32 sums of few terms, added in double */
    vf none = v_set(-INFINITY);
    double total = 0;
    for (uint32_t at = 0; at < n; at += BLOCK) {
        uint32_t m = HZ_MIN(BLOCK, n - at);
        vf sum = v_set(0);
        for (uint32_t i = 0; i < m; i += VW) {
            vf y = v_mul(v_sub(take(x + at + i, m - i, -INFINITY), v_set(from)), v_set(mul));
            sum = v_add(v_exp(v_max(y, none)), sum); /* a NaN counts as -INFINITY */
        }
        total += v_sum(sum);
    }
    return total;
}

static float V_NAME(log_sum_exp)(const float *x, uint32_t n)
{
    float top = max_of(x, n);
    return isinf(top) ? top : top + (float)log(V_NAME(exp_sum)(x, top, 1, n));
}

void V_NAME(hz_kern_rows)(struct hz_kern *k)
{
    k->rms_norm = V_NAME(rms_norm);
    k->layer_norm = V_NAME(layer_norm);
    k->add = V_NAME(add);
    k->scale = V_NAME(scale);
    k->softcap = V_NAME(softcap);
    k->act = V_NAME(act);
    k->glu = V_NAME(glu);
    k->rope = V_NAME(rope);
    k->argmax = V_NAME(argmax);
    k->exp_sum = V_NAME(exp_sum);
    k->log_sum_exp = V_NAME(log_sum_exp);
}
