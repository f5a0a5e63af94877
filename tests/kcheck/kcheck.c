/* kcheck - checks the kernels of every rung against plain C, directly.
 *
 *   kcheck [--rung NAME] [--check NAME | --skip NAME] [--seed N]   every rung that this build has and this machine runs
 *   kcheck --bench [--rung NAME] [--threads N] [--type NAME]    with a type its products alone, with "rows" none
 *
 * A build with emulated instructions (HZ_KCHECK_EMULATED) checks the rungs that the machine cannot run. */
#include "kcheck/kcheck.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *name;
    kc_check_fn *check;
} checks[] = {
    {"linear", kc_check_linear}, {"rows", kc_check_rows}, {"attend", kc_check_attend},
    {"draw", kc_check_draw},     {"plan", kc_check_plan},
};

void kc_fail(struct kc *c, const char *fmt, ...)
{
    va_list ap;
    if (++c->failures > 20)
        return;
    printf("  FAIL %s %s: ", c->kern->name, c->where ? c->where : "");
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
}

uint64_t kc_random(struct kc *c)
{
    uint64_t z = c->rng += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t kc_below(struct kc *c, uint32_t n)
{
    return (uint32_t)(kc_random(c) % n);
}

float kc_uniform(struct kc *c)
{
    return (float)(int32_t)(kc_random(c) >> 32) * 0x1p-31f;
}

float kc_normal(struct kc *c)
{
    return kc_uniform(c) + kc_uniform(c) + kc_uniform(c);
}

#ifdef HZ_KCHECK_EMULATED
/* Linked in place of hz_cpu_features: whoever chooses a rung, the CPU backend too, may take one that is emulated. */
unsigned __wrap_hz_cpu_features(void);
unsigned __wrap_hz_cpu_features(void)
{
    return ~0u;
}
#endif

/* What stands between this process and the rung's instructions. */
static const char *how(enum hz_rung rung)
{
#ifdef HZ_KCHECK_EMULATED
    return rung < HZ_RUNG_AVX512 ? "native" : "emulated";
#else
    return hz_rung_runs(rung) ? getenv("HZ_KCHECK_QEMU") ? "under qemu" : "native" : NULL;
#endif
}

/* `only` and `skip` are names of checks or NULL. */
static int check_rung(enum hz_rung rung, const char *only, const char *skip, uint64_t seed)
{
    int failures = 0;
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if ((only && strcmp(only, checks[i].name) != 0) || (skip && !strcmp(skip, checks[i].name)))
            continue;
        struct kc c = {.kern = hz_kern_table(rung), .ref = hz_kern_table(HZ_RUNG_C), .rng = seed};
        double start = kc_clock();
        checks[i].check(&c);
        printf("%-11s %-8s %s in %.1f s", hz_rung_name(rung), checks[i].name, c.failures ? "FAILED" : "ok",
               kc_clock() - start);
        printf(c.failures ? ", %d failures\n" : "\n", c.failures);
        failures += c.failures;
    }
    return failures;
}

int main(int argc, char **argv)
{
    const char *only = NULL, *type = NULL, *check = NULL, *skip = NULL;
    uint64_t seed = (uint64_t)time(NULL);
    int threads = 1, failures = 0, ran = 0;
    bool bench = false;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--bench"))
            bench = true;
        else if (!strcmp(argv[i], "--rung"))
            only = value, i++;
        else if (!strcmp(argv[i], "--check"))
            check = value, i++;
        else if (!strcmp(argv[i], "--skip"))
            skip = value, i++;
        else if (!strcmp(argv[i], "--seed"))
            seed = strtoull(value, NULL, 0), i++;
        else if (!strcmp(argv[i], "--threads"))
            threads = atoi(value), i++;
        else if (!strcmp(argv[i], "--type"))
            type = value, i++;
        else
            return fprintf(stderr, "kcheck: %s?\n", argv[i]), 2;
    }
    if (!bench)
        printf("seed %llu\n", (unsigned long long)seed);
    for (int r = 0; r < HZ_RUNGS; r++) {
        enum hz_rung rung = (enum hz_rung)r;
        if (only && strcmp(only, hz_rung_name(rung)) != 0)
            continue;
        if (!hz_rung_built(rung) || !how(rung)) {
            printf("%-11s skipped: this %s cannot run it\n", hz_rung_name(rung),
                   hz_rung_built(rung) ? "machine" : "build");
            continue;
        }
        printf("%-11s %s\n", hz_rung_name(rung), how(rung));
        ran++;
        if (bench && (!type || !strcmp(type, "rows")))
            kc_bench_rows(hz_kern_table(rung));
        if (bench)
            kc_bench_linear(hz_kern_table(rung), threads, type);
        else
            failures += check_rung(rung, check, skip, seed);
    }
    return failures || !ran ? 1 : 0;
}
