"""What a server takes, and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on what strangers may ask for."""

    body_bytes: int = 10 * 2**20
    """Of one upload."""
    header_seconds: float = 10.0
    """Until a request's headers are there."""
    body_seconds: float = 30.0
    """Until its body is."""
    decode_seconds: float = 10.0
    """For one picture; then its process is ended."""
    decode_memory: int = 2 * 2**30
    """Address space of a decoding process, in bytes."""
    waiting: int = 64
    """Pictures that may wait; more are told to come again."""
    connections: int = 256
    drain_seconds: int = 10
    """For requests under way when the server is asked to end."""
