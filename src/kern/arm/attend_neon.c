/* attend_neon.c - attention with NEON. */
#include "kern/arm/vec.h"

#include "kern/attend_tmpl.h"
