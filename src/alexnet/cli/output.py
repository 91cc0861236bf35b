"""What every verb prints for machines."""

import json
from typing import Any


def print_json(value: Any) -> None:
    """Print one JSON object on stdout; numbers that are not finite become null."""
    print(json.dumps(_finite(value), ensure_ascii=False, default=str))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
