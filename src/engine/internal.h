/* internal.h - what the files of engine/ share.
 *
 * Threads: any thread may start, read, cancel and free requests; one engine thread owns the scheduler, the cache and
 * the device. A new request is handed over in `incoming` under the engine's lock; what the reader sees of a request
 * lies under the request's own lock. The two locks are never held together. */
#ifndef HZ_ENGINE_INTERNAL_H
#define HZ_ENGINE_INTERNAL_H

#include "backend/backend.h"
#include "base/os/thread.h"
#include "chat/chat.h"
#include "engine/cache.h"
#include "model/model.h"
#include "sample/sample.h"
#include "token/tokenizer.h"

struct hz_id_set { /* ids that end an answer, ascending */
    int32_t *ids;
    size_t n;
};

struct hz_model {
    struct hz_checkpoint *checkpoint;
    struct hz_tokenizer *tokenizer;        /* NULL: the checkpoint has none, or tokenizer_error */
    struct hz_error tokenizer_error;       /* why there is none */
    char *template_path, *template_source; /* of another template; NULL */
    size_t template_len;
    /* made when first asked for, under the lock */
    struct hz_mutex *lock;
    struct hz_chat *chat;
};

/* ---- model.c */
/* The tokenizer, or the error that there is none. */
hz_status hz_model_tokenizer(const struct hz_model *model, const struct hz_tokenizer **tokenizer, struct hz_error *err);
/* eos of the facts and of tokenizer_config.json, ends of a GGUF's tokenizer, and known end-of-turn tokens. Free ids. */
hz_status hz_model_ends(const struct hz_model *model, const struct hz_model_facts *facts, struct hz_id_set *out,
                        struct hz_error *err);

/* What the reader takes at once. */
struct hz_outbox {
    struct hz_buf text, bytes; /* bytes: of all tokens, one behind the other */
    struct hz_token *tokens;
    size_t n_tokens, cap_tokens;
    struct hz_alternative *top; /* of all tokens, one behind the other */
    size_t n_top, cap_top;
};

struct hz_request {
    struct hz_engine *engine;
    struct hz_request *next; /* in incoming, or waiting */

    /* ---- set at the start ---- */
    uint32_t n_prompt;
    uint32_t n_max; /* longest it may become, prompt included */
    unsigned want;
    bool ignore_eos, any_id, logprobs;
    uint32_t n_top;
    void (*wake)(void *user);
    void *user;
    char *key; /* of the page hash: rope choices, then salt */
    size_t key_len;

    /* ---- the engine thread's ---- */
    int32_t *tokens; /* [n_max]: prompt, then answer */
    uint32_t n_tokens;
    uint32_t computed; /* tokens whose K and V are in the cache */
    struct hz_page_tables pages;
    uint32_t rope[HZ_MAX_ROPES];
    uint32_t slot;              /* sampling slot while it runs */
    uint32_t first_row, n_rows; /* in the step being made; 0 rows: none */
    uint32_t first_output, n_outputs;
    uint32_t first_drawn; /* results of the prompt rows whose logprobs are wanted */
    bool draws;           /* the last of its rows is sampled, the result goes to drawn */
    struct hz_drawn *drawn;
    bool begun; /* ran in a step already */
    struct hz_sample_state *sample;
    struct hz_detok *detok; /* NULL: no tokenizer */
    struct hz_stops *stops;
    double at_start, at_first_step, at_first_token, at_last_token;
    uint32_t cached_tokens;
    uint32_t rows_done;  /* prompt rows given to the reader's side */
    float *logits;       /* [rows_cap][n_vocab]; HZ_WANT_LOGITS */
    float *row_logprobs; /* [n_prompt]; HZ_WANT_PROMPT_LOGPROBS */
    uint32_t rows_cap;

    atomic_bool cancelled;

    /* ---- under the lock ---- */
    struct hz_mutex *lock;
    struct hz_cond *cond;
    struct hz_outbox pending, taken;
    uint32_t rows_first, rows_n; /* prompt rows that wait for the reader */
    uint32_t rows_at;            /* where in `logits` they begin; what is before it the reader has */
    bool rows_taken;             /* the reader looks at rows still */
    bool done;
    bool detached; /* the engine thread will not touch it again */
    enum hz_finish finish;
    struct hz_usage usage;
    struct hz_error error;
};

/* Counters; under the engine's lock. */
struct hz_engine_counts {
    uint64_t requests, finished, cancelled, failed, preempted, restarted; /* restarted: outgrew a rope table */
    uint64_t steps, rows, prompt_tokens, cached_tokens, completion_tokens;
    uint32_t running, waiting;
    struct hz_cache_counts cache;
};

struct hz_engine {
    struct hz_engine_options options; /* strings copied; defaults filled in */
    char *device_name, *rung;
    const struct hz_backend *backend;
    struct hz_device *device;

    /* ---- the loaded model, fixed once the thread runs ---- */
    bool loaded;
    char *model_name;
    enum hz_precision precision;
    const struct hz_tokenizer *tokenizer; /* NULL: none */
    const struct hz_model *model;         /* NULL in tests: renders chats */
    struct hz_plan *plan;
    struct hz_model_facts facts;
    struct hz_id_set ends;
    uint32_t *mask;             /* ids that have a token; NULL: all have one */
    struct hz_weights *weights; /* NULL in tests */
    struct hz_packed **packed;
    struct hz_exec *exec;
    struct hz_buffer *pool;
    uint64_t block_bytes;
    struct hz_cache_shape shape;
    uint32_t context;  /* longest sequence */
    bool context_ends; /* the model has learned no position beyond it */
    uint32_t chunk;    /* prompt rows of one sequence in a step, at most: batch_tokens, but tests set less */
    char *device_json; /* what the device said of itself */
    struct hz_batch_limits limits;

    /* ---- the engine thread's ---- */
    struct hz_thread *thread;
    struct hz_cache *cache;
    struct hz_request **running; /* [max_seqs], by arrival */
    uint32_t n_running;
    struct hz_request *waiting; /* by arrival */
    uint32_t n_waiting;
    bool *slot_used; /* [max_seqs] */
    uint32_t turn;   /* whose decode row comes first when not all have room */
    void *batch_block;
    struct hz_batch *batch;
    struct hz_draw_spec *specs;  /* [limits.outputs] */
    struct hz_drawn *drawn;      /* [limits.outputs] */
    struct hz_edit *raise;       /* [limits.outputs]: of prompt rows' specs */
    struct hz_request **stepped; /* [max_seqs]: who has rows in the step */
    uint32_t n_stepped;
    struct hz_engine_counts now; /* copied to counts after each step */

    /* ---- under the lock ---- */
    struct hz_mutex *lock;
    struct hz_cond *cond;
    struct hz_request *incoming, **incoming_end;
    bool kicked, stopping;
    struct hz_engine_counts counts;
};

/* ---- engine.c, load.c */
/* Copies an options struct given by its user: bytes that only a newer header knows must be zero. own: sizeof here. */
hz_status hz_options_copy(void *to, size_t own, const void *from, const char *what, struct hz_error *err);
void hz_engine_unload(struct hz_engine *e);
/* What hz_engine_load does once the checkpoint has been read; also the tests' way to an engine without one. Takes over
 * plan (checked), weights (may be NULL) and ends, also when it fails. */
struct hz_engine_parts {
    struct hz_plan *plan;
    struct hz_model_facts facts;
    struct hz_weights *weights;
    const struct hz_tokenizer *tokenizer; /* may be NULL; outlives the engine */
    const struct hz_model *model;         /* may be NULL */
    struct hz_id_set ends;
    enum hz_precision precision;
    const char *name; /* NULL: "default" */
};
hz_status hz_engine_load_parts(struct hz_engine *e, struct hz_engine_parts *parts, struct hz_error *err);
/* Wakes the engine thread: there is something new to look at. */
void hz_engine_kick(struct hz_engine *e);
void hz_engine_counts_now(const struct hz_engine *e, struct hz_engine_counts *out); /* any thread */

/* ---- scheduler.c: the engine thread */
void hz_scheduler_main(void *engine);

/* ---- step.c */
/* Chooses the rows of the next step and gives them blocks; how many there are. */
uint32_t hz_step_plan(struct hz_engine *e);
/* Runs them and hands the results to their requests. */
void hz_step_run(struct hz_engine *e);
/* Takes a running request out and puts it in front of the waiting ones; its blocks are let go. */
void hz_scheduler_preempt(struct hz_engine *e, struct hz_request *r);
/* Looks for a cached prefix and notes the rope choices; the sequence then stands at r->computed. */
void hz_scheduler_begin(struct hz_engine *e, struct hz_request *r);
/* Ends a running request. err: of HZ_FINISH_ERROR. */
void hz_scheduler_finish(struct hz_engine *e, struct hz_request *r, enum hz_finish finish, const struct hz_error *err);

/* ---- request.c: the reader's side. All take the request's lock and wake the reader. */
/* How many more prompt rows' logits there is room for, and where the next of them goes. */
uint32_t hz_request_rows_room(struct hz_request *r);
float *hz_request_rows_place(struct hz_request *r);
void hz_request_put_rows(struct hz_request *r, uint32_t first, uint32_t n);
/* Adds a token with what it adds to the text (len may be 0); token NULL: text alone. */
hz_status hz_request_put_text(struct hz_request *r, const struct hz_drawn *token, const char *bytes, size_t n_bytes,
                              const char *text, size_t len, struct hz_error *err);
/* Frees a request that the engine thread doesn't know, however far its making came. NULL is fine. */
void hz_request_destroy(struct hz_request *r);
/* DONE; the engine thread doesn't touch the request again. */
void hz_request_put_done(struct hz_request *r, enum hz_finish finish, const struct hz_error *err);

#endif
