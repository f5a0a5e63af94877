/* backend.c - the backends of this build, best first. */
#include "backend/backend.h"

#include <string.h>

static const struct hz_backend *const backends[] = {&hz_backend_cpu, &hz_backend_null};

const struct hz_backend *hz_backend_at(size_t i)
{
    return i < HZ_COUNT(backends) ? backends[i] : NULL;
}

const struct hz_backend *hz_backend_find(const char *name)
{
    for (size_t i = 0; i < HZ_COUNT(backends); i++) {
        /* null computes nothing: it must be asked for by its name */
        bool automatic = !strcmp(name, "auto") && backends[i] != &hz_backend_null;
        if (automatic || !strcmp(name, backends[i]->name))
            return backends[i];
    }
    return NULL;
}
