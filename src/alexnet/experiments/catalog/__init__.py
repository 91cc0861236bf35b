"""The experiments: one file for each part of the paper, found through `EXPERIMENTS`."""
