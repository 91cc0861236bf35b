"""Benchmarks against other programs: `alexnet bench`. See benchmarks/README.md for how to read a result."""
