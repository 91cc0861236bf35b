"""The compiled kernels: C files by what they compute, and the one module that runs them."""
