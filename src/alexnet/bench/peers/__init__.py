"""Other programs doing the same work, each as its own documentation would have it written.

A file here imports its package at the top and nothing of ours but what a task is, so that it can be read alone
and run by an interpreter that has no other package of ours.
"""
