"""How long a step takes on many devices, before there are any: counts of a network's rows over rates of a machine.

No torch. `docs/scaling.md` has the tables, `alexnet plan` makes them for other numbers.
"""
