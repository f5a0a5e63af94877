/* tolerance.h - how far a rung's row and attention kernels may be from their _c twins, which differ by the order of
 * sums, by fused multiplication and by polynomials in place of libm. kcheck holds them to it. What is not named here
 * (argmax, kv_put, relu) agrees bit for bit. */
#ifndef HZ_KERN_TOLERANCE_H
#define HZ_KERN_TOLERANCE_H

#define HZ_TOL_NORM                                                                                                    \
    1e-6 /* of the output's magnitude before b is added, or of b; layer_norm: of max|x - mean| as well */
#define HZ_TOL_ADD    2e-7 /* of |alpha a| + |beta b| */
#define HZ_TOL_ROPE   2e-7 /* of |a| + |b| */
#define HZ_TOL_TANH   6e-7 /* softcap: of the output */
#define HZ_TOL_ACT    6e-7 /* silu, sigmoid: of the output, beside 1e-37 */
#define HZ_TOL_GELU   3e-7 /* both gelus: of |x|, since 1 + erf cancels where x is negative */
#define HZ_TOL_LSE    1e-6 /* log_sum_exp: absolute, beside 2e-7 of the output */
#define HZ_TOL_EXPSUM 2e-6 /* of the output: exp's argument may be rounded by 2^-24 of 20 */

/* attend: o / l, of max|v|. A score's rounding, at most this share of sum|q k|, becomes a weight's relative error. */
#define HZ_TOL_ATTEND        7e-7
#define HZ_TOL_ATTEND_SCORE  6e-8
#define HZ_TOL_ATTEND_CAP    3e-8 /* of softcap, added to the score's rounding */
#define HZ_TOL_ATTEND_WEIGHT 2e-7 /* 2^x: of the output */

#endif
