/* kern.c - which rungs this build has, which this machine can run, and their tables. */
#include "kern/kern.h"

#include "base/os/sys.h"
#include "base/os/thread.h"
#include "kern/fill.h"

#include <string.h>

enum { MAX_FILLS = 8 };

struct rung {
    const char *name;
    bool built;
    unsigned needs;     /* hz_cpu_feature bits */
    enum hz_rung under; /* the rung whose table this one starts as; itself for c */
    hz_kern_fill_fn *fill[MAX_FILLS];
};

static const struct rung rungs[HZ_RUNGS] = {
    [HZ_RUNG_C] = {"c", true, 0, HZ_RUNG_C, {hz_kern_linear_c, hz_kern_rows_c, hz_kern_attend_c}},
#if defined(__x86_64__)
    [HZ_RUNG_AVX2] =
        {"avx2", true, HZ_CPU_AVX2, HZ_RUNG_C, {hz_kern_linear_avx2, hz_kern_rows_avx2, hz_kern_attend_avx2}},
    [HZ_RUNG_AVX512] = {"avx512",
                        true,
                        HZ_CPU_AVX2 | HZ_CPU_AVX512,
                        HZ_RUNG_AVX2,
                        {hz_kern_linear_avx512, hz_kern_rows_avx512, hz_kern_attend_avx512}},
    [HZ_RUNG_AVX512_BF16] = {"avx512_bf16",
                             true,
                             HZ_CPU_AVX2 | HZ_CPU_AVX512 | HZ_CPU_AVX512_BF16,
                             HZ_RUNG_AVX512,
                             {hz_kern_linear_avx512bf16}},
#else
    [HZ_RUNG_AVX2] = {.name = "avx2"},
    [HZ_RUNG_AVX512] = {.name = "avx512"},
    [HZ_RUNG_AVX512_BF16] = {.name = "avx512_bf16"},
#endif
#if defined(__aarch64__)
    [HZ_RUNG_NEON] =
        {"neon", true, HZ_CPU_NEON, HZ_RUNG_C, {hz_kern_linear_neon, hz_kern_rows_neon, hz_kern_attend_neon}},
    [HZ_RUNG_DOTPROD] = {"dotprod", true, HZ_CPU_NEON | HZ_CPU_DOTPROD, HZ_RUNG_NEON, {hz_kern_linear_dotprod}},
#else
    [HZ_RUNG_NEON] = {.name = "neon"},
    [HZ_RUNG_DOTPROD] = {.name = "dotprod"},
#endif
};

/* Tables are made once, by whoever asks first, and never change again. */
static struct hz_kern tables[HZ_RUNGS];
static _Atomic uint32_t made[HZ_RUNGS];
enum { UNMADE, MAKING, MADE };

static void make(enum hz_rung rung)
{
    struct hz_kern *k = &tables[rung];
    if (rungs[rung].under != rung)
        *k = *hz_kern_table(rungs[rung].under);
    k->rung = rung;
    k->name = rungs[rung].name;
    for (int i = 0; i < MAX_FILLS && rungs[rung].fill[i]; i++)
        rungs[rung].fill[i](k);
}

const struct hz_kern *hz_kern_table(enum hz_rung rung)
{
    if (!hz_rung_built(rung))
        return NULL;
    uint32_t state = UNMADE;
    if (atomic_compare_exchange_strong(&made[rung], &state, MAKING)) {
        make(rung);
        atomic_store(&made[rung], MADE);
    }
    while (atomic_load(&made[rung]) != MADE)
        hz_pause();
    return &tables[rung];
}

const char *hz_rung_name(enum hz_rung rung)
{
    return rung < HZ_RUNGS ? rungs[rung].name : "?";
}

bool hz_rung_built(enum hz_rung rung)
{
    return rung < HZ_RUNGS && rungs[rung].built;
}

bool hz_rung_runs(enum hz_rung rung)
{
    return hz_rung_built(rung) && (hz_cpu_features() & rungs[rung].needs) == rungs[rung].needs;
}

hz_status hz_kern_select(const char *name, const struct hz_kern **kern, struct hz_error *err)
{
    for (int r = HZ_RUNGS - 1; r >= 0; r--) {
        if (name && strcmp(name, rungs[r].name) != 0)
            continue;
        if (hz_rung_runs((enum hz_rung)r)) {
            *kern = hz_kern_table((enum hz_rung)r);
            return HZ_OK;
        }
        if (name)
            return hz_fail(err, HZ_E_UNSUPPORTED, "CPU rung %s: this %s cannot run it", name,
                           rungs[r].built ? "machine" : "build");
    }
    return hz_fail(err, HZ_E_INVALID, "CPU rung %s: not one of c, avx2, avx512, avx512_bf16, neon, dotprod", name);
}
