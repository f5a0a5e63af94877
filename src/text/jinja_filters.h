/* jinja_filters.h - filters that stand in files of their own. */
#ifndef HZ_TEXT_JINJA_FILTERS_H
#define HZ_TEXT_JINJA_FILTERS_H

#include "text/py.h"

hz_status hz_jinja_striptags(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out);
hz_status hz_jinja_urlize(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out);
hz_status hz_jinja_wordwrap(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out);
hz_status hz_jinja_pprint(struct hz_py *py, struct hz_py_call *c, struct hz_py_val *out);

#endif
