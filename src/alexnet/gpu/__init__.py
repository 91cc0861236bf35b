"""Training on one NVIDIA GPU: fused kernels in Triton, each with its equal in torch, and a step as a CUDA graph.

Modules of `kernels/` import triton; all others can be imported anywhere and say through `available` what runs.
"""
