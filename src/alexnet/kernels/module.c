/* The shared library is a Python extension without functions, so that installers build it and place it;
 * library.py calls the symbols of the other files through ctypes. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "_library", .m_doc = "Compiled kernels."};

PyMODINIT_FUNC PyInit__library(void) { return PyModule_Create(&definition); }
