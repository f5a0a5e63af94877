/* py_methods.h - the methods of Python's types, tables that end with a NULL name. */
#ifndef HZ_TEXT_PY_METHODS_H
#define HZ_TEXT_PY_METHODS_H

#include "text/py.h"

extern const struct hz_py_def hz_py_str_methods[];
extern const struct hz_py_def hz_py_list_methods[];
extern const struct hz_py_def hz_py_tuple_methods[];
extern const struct hz_py_def hz_py_dict_methods[];

#endif
