"""What watches a run: each hook does one thing, and the loop knows only their interface."""
