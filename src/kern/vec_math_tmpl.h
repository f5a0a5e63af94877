/* vec_math_tmpl.h - exp, tanh and erf on the vectors of x86/vec.h or arm/vec.h, which the including file chooses. A NaN
 * goes in and comes out. The polynomials are minimax fits, their own error below 2e-8; what is left is rounding. */
#ifndef HZ_KERN_VEC_MATH_TMPL_H
#define HZ_KERN_VEC_MATH_TMPL_H

/* Splits x into n + f, n an integer from -127 to 128 and f at most a half, and gives 2^n; 2^-127 is 0 and 2^128 is
 * infinite. Adding 1.5 * 2^23 rounds to an integer, which then stands in the lowest bits; 127 more makes them an
 * exponent. */
V_INLINE vf v_split(vf x, vf *n)
{
    vf biased = v_add(x, v_set(12583039.0f));
    *n = v_sub(biased, v_set(12583039.0f));
    return v_shift23(biased);
}

/* 2^x, x up to 128, within 1 unit in the last place; exactly 1 at 0, exactly 0 below -126.5. */
V_INLINE vf v_exp2(vf x)
{
    vf y = v_max(v_set(-127), x), n, two_n = v_split(y, &n), f = v_sub(y, n);
    vf p = v_set(0.000153533671f);
    p = v_fma(p, f, v_set(0.00133988744f));
    p = v_fma(p, f, v_set(0.00961843734f));
    p = v_fma(p, f, v_set(0.0555033247f));
    p = v_fma(p, f, v_set(0.240226479f));
    p = v_fma(p, f, v_set(0.693147203f));
    return v_mul(v_fma(p, f, v_set(1)), two_n);
}

/* x is ln 2 * n + r, r at most ln 2 / 2: gives e^r - 1 and 2^n. ln 2 in two parts keeps r exact. */
V_INLINE vf v_exp_parts(vf x, vf *two_n)
{
    vf n;
    *two_n = v_split(v_mul(x, v_set(1.44269504f)), &n);
    vf r = v_nfma(n, v_set(0.693145752f), x);
    r = v_nfma(n, v_set(1.42860677e-6f), r);
    vf q = v_set(0.00139464475f);
    q = v_fma(q, r, v_set(0.00836658392f));
    q = v_fma(q, r, v_set(0.0416662821f));
    q = v_fma(q, r, v_set(0.16666543f));
    q = v_fma(q, r, v_set(0.5f));
    return v_fma(v_mul(r, r), q, r);
}

/* e^x within 1 unit in the last place; exactly 0 below -87.7, infinite above 88.4. */
V_INLINE vf v_exp(vf x)
{
    vf two_n, m = v_exp_parts(v_min(v_set(89), v_max(v_set(-88.03f), x)), &two_n);
    return v_mul(v_add(m, v_set(1)), two_n);
}

/* tanh |x| = e / (e + 2) with e = e^(2|x|) - 1, which does not cancel near 0. */
V_INLINE vf v_tanh(vf x)
{
    vf two_n, m = v_exp_parts(v_min(v_set(20), v_mul(v_abs(x), v_set(2))), &two_n);
    vf e = v_fma(two_n, m, v_sub(two_n, v_set(1)));
    return v_copysign(v_div(e, v_add(e, v_set(2))), x);
}

/* Below 0.9 x times a polynomial in x^2, above 1 - 2^(a polynomial in |x|). */
V_INLINE vf v_erf(vf x)
{
    vf t = v_mul(x, x), a = v_set(-0.000609035971f);
    a = v_fma(a, t, v_set(0.00501196275f));
    a = v_fma(a, t, v_set(-0.0267789089f));
    a = v_fma(a, t, v_set(0.112821408f));
    a = v_fma(a, t, v_set(-0.376125233f));
    a = v_fma(a, t, v_set(1.12837915f));
    vf y = v_min(v_set(3.95f), v_abs(x)), b = v_set(0.000285969257f);
    b = v_fma(b, y, v_set(-0.00442255565f));
    b = v_fma(b, y, v_set(0.0321940007f));
    b = v_fma(b, y, v_set(-0.150204194f));
    b = v_fma(b, y, v_set(-0.91896234f));
    b = v_fma(b, y, v_set(-1.62706743f));
    b = v_fma(b, y, v_set(-0.000240147107f));
    b = v_copysign(v_sub(v_set(1), v_exp2(b)), x);
    return v_pick(v_lt(y, v_set(0.9f)), v_mul(a, x), b);
}

#endif
