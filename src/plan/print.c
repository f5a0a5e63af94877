/* print.c - a plan for people: one line an op. */
#include "plan/plan.h"

static void put_operand(const struct hz_plan *p, struct hz_operand x, struct hz_buf *out)
{
    hz_buf_printf(out, " %%%u", x.value);
    if (x.col || x.cols != p->values[x.value].width)
        hz_buf_printf(out, "[%u:%u]", x.col, x.col + x.cols);
}

static void put_parameters(const struct hz_op *op, struct hz_buf *out)
{
    static const char *const norms[] = {"rms", "layer", "l2"};
    static const char *const acts[HZ_ACTS] = {"silu", "gelu", "gelu_tanh", "relu", "relu2", "sigmoid", "none"};
    switch (op->kind) {
    case HZ_OP_EMBED:
        hz_buf_puts(out, op->u.embed.by == HZ_BY_ID ? " by id" : " by position");
        break;
    case HZ_OP_NORM:
        hz_buf_printf(out, " %s eps=%g", norms[op->u.norm.kind], (double)op->u.norm.eps);
        if (op->u.norm.group != op->in[0].cols)
            hz_buf_printf(out, " group=%u", op->u.norm.group);
        break;
    case HZ_OP_ADD:
        if (op->u.add.alpha != 1 || op->u.add.beta != 1)
            hz_buf_printf(out, " alpha=%g beta=%g", (double)op->u.add.alpha, (double)op->u.add.beta);
        break;
    case HZ_OP_SCALE:
        hz_buf_printf(out, " mul=%g", (double)op->u.scale.mul);
        if (op->u.scale.clamp != 0)
            hz_buf_printf(out, " clamp=%g", (double)op->u.scale.clamp);
        break;
    case HZ_OP_ACT:
    case HZ_OP_GLU:
        hz_buf_printf(out, " %s", acts[op->kind == HZ_OP_ACT ? op->u.act.act : op->u.glu.act]);
        break;
    case HZ_OP_SOFTCAP:
        hz_buf_printf(out, " cap=%g", (double)op->u.softcap.cap);
        break;
    case HZ_OP_ROPE:
        hz_buf_printf(out, " table=%u heads of %u, columns %u to %u, %s", op->u.rope.table, op->u.rope.head_dim,
                      op->u.rope.off, op->u.rope.off + op->u.rope.rot, op->u.rope.pairs ? "pairs" : "halves");
        break;
    case HZ_OP_APPEND:
        hz_buf_printf(out, " group=%u layer=%u", op->u.append.group, op->u.append.layer);
        break;
    case HZ_OP_ATTEND:
        hz_buf_printf(out, " heads=%u/%u dim=%u scale=%g", op->u.attend.heads, op->u.attend.kv_heads,
                      op->u.attend.head_dim, (double)op->u.attend.scale);
        if (op->u.attend.window)
            hz_buf_printf(out, " window=%u", op->u.attend.window);
        if (op->u.attend.softcap != 0)
            hz_buf_printf(out, " softcap=%g", (double)op->u.attend.softcap);
        break;
    case HZ_OP_ROUTE:
        hz_buf_printf(out, " k=%u%s scale=%g", op->u.route.k, op->u.route.renorm ? " renorm" : "",
                      (double)op->u.route.scale);
        break;
    case HZ_OP_MOE_LINEAR:
    case HZ_OP_COMBINE:
        hz_buf_printf(out, " k=%u", op->u.moe.k);
        break;
    default:
        break;
    }
}

void hz_plan_print(const struct hz_plan *p, struct hz_buf *out)
{
    static const char *const rows[] = {"tokens", "outputs", "pairs", "place", "media"};
    for (uint32_t i = 0; i < p->n_ops; i++) {
        const struct hz_op *op = &p->ops[i];
        const struct hz_value *v = &p->values[op->out];
        hz_buf_printf(out, "%%%u %s", op->out, rows[v->rows]);
        if (v->rows != HZ_ROWS_PLACE)
            hz_buf_printf(out, "[%u]", v->width);
        hz_buf_printf(out, " = %s", hz_op_name(op->kind));
        for (uint32_t k = 0; k < op->n_in; k++)
            put_operand(p, op->in[k], out);
        for (uint32_t k = 0; k < op->n_weights; k++)
            if (op->weight[k] != HZ_NONE) {
                const struct hz_weight *w = &p->weights[op->weight[k]];
                hz_buf_printf(out, " %s[%u, %u]", w->name, w->rows, w->cols);
            }
        put_parameters(op, out);
        hz_buf_putc(out, '\n');
    }
}
