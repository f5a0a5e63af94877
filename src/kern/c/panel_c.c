/* panel_c.c - rows of x in the form that a weight's kernel wants. */
#include "kern/kern.h"
