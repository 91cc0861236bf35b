"""A trained network behind HTTP, for people and programs on this machine."""
