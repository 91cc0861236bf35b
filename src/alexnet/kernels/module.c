/* The shared library is a Python extension without functions, so that installers build it and place it;
 * library.py calls the symbols of the other files through ctypes. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_library", "Compiled kernels.", 0, NULL};

PyMODINIT_FUNC PyInit__library(void) { return PyModule_Create(&definition); }
