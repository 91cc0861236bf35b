"""Networks of few maps and units: cheap to run, and made of the same parts as the real ones."""

from dataclasses import replace

from alexnet.nets.rows import Conv, NetSpec, change, weighted


def small(spec: NetSpec, divisor: int) -> NetSpec:
    """Return the definition with every number of maps and units divided."""
    table = spec.table
    for row in weighted(table):
        field = "channels" if isinstance(row, Conv) else "units"
        if getattr(row, field) is not None:
            table = change(table, row.name, **{field: getattr(row, field) // divisor})
    return replace(spec, table=table)
