/* facts.h - what the engine wants to know of a model beside its plan. */
#ifndef HZ_MODEL_FACTS_H
#define HZ_MODEL_FACTS_H

#include "model/config_open.h"
#include "model/model.h"

/* Fills facts; lists lie in the plan's arena. A generation_config.json with values of the wrong kind is refused. */
hz_status hz_facts_read(struct hz_config *c, struct hz_plan *p, struct hz_model_facts *facts, struct hz_error *err);

#endif
