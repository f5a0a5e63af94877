/* model.c - from a checkpoint to a plan: finds the architecture, lets it emit, gives its tensors the names they have
 * here, checks all of it. */
#include "model/model.h"
#include "model/arch/arch.h"
#include "model/config_open.h"
#include "model/facts.h"

#include <stdlib.h>
#include <string.h>

static const struct hz_arch *find_arch(const struct hz_config *c, struct hz_error *err)
{
#define ARCH(id) &hz_arch_##id,
    static const struct hz_arch *const archs[] = {HZ_ARCH_MAP(ARCH)};
#undef ARCH
    for (size_t i = 0; i < HZ_COUNT(archs); i++)
        if (hz_names_among(c->ck->gguf ? archs[i]->gguf : archs[i]->types, c->type))
            return archs[i];
    hz_fail(err, HZ_E_UNSUPPORTED, "%s: architecture \"%.100s\" is not among those this build knows", c->ck->path,
            c->type);
    return NULL;
}

const char *const *hz_model_archs(void)
{
#define NAME(id) #id,
    static const char *const names[] = {HZ_ARCH_MAP(NAME) NULL};
#undef NAME
    return names;
}

/* Arch files use one name for a tensor; from here on a plan says what the checkpoint calls it. */
static hz_status rename_tensors(const struct hz_config *c, struct hz_plan *p, struct hz_error *err)
{
    char real[HZ_NAME_MAX];
    for (uint32_t i = 0; i < p->n_weights; i++) {
        struct hz_weight *w = &p->weights[i];
        for (uint32_t k = 0; k < w->n_pieces; k++) {
            if (!hz_names_find(&c->names, w->pieces[k].tensor, real))
                return hz_fail(err, HZ_E_NOTFOUND, "%s: no tensor %s, which architecture %s needs", c->ck->path, real,
                               p->name);
            w->pieces[k].tensor = hz_arena_strndup(&p->arena, real, strlen(real));
            if (!w->pieces[k].tensor)
                return hz_fail_nomem(err, strlen(real));
        }
        w->name = w->pieces[0].tensor;
    }
    return HZ_OK;
}

static hz_status check_tensors(const struct hz_plan *p, const struct hz_checkpoint *ck, struct hz_error *err)
{
    enum hz_dtype *types = hz_calloc(p->n_weights + (size_t)1, sizeof *types);
    hz_status status = types ? hz_weights_types(p, ck, types, err) : hz_fail_nomem(err, p->n_weights);
    free(types);
    return status;
}

static hz_status build(struct hz_config *c, struct hz_plan **plan, struct hz_model_facts *facts, struct hz_error *err)
{
    const struct hz_arch *arch = find_arch(c, err);
    if (!arch)
        return HZ_E_UNSUPPORTED;
    struct hz_plan *p = *plan = hz_plan_new(arch->name);
    if (!p)
        return hz_fail_nomem(err, sizeof *p);
    arch->emit(c, p);
    HZ_TRY(hz_config_done(c, err));
    HZ_TRY(hz_plan_check(p, err));
    HZ_TRY(rename_tensors(c, p, err));
    HZ_TRY(check_tensors(p, c->ck, err));
    return hz_facts_read(c, p, facts, err);
}

hz_status hz_model_plan(const struct hz_checkpoint *ck, struct hz_plan **plan, struct hz_model_facts *facts,
                        struct hz_error *err)
{
    struct hz_config *c;
    *plan = NULL;
    HZ_TRY(hz_config_open(ck, &c, err));
    hz_status status = build(c, plan, facts, err);
    hz_config_close(c);
    if (status != HZ_OK) {
        hz_plan_free(*plan);
        *plan = NULL;
    }
    return status;
}
