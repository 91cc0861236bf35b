"""The Triton kernels; importing one needs triton."""
