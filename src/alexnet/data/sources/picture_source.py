"""The one class of source that all readers return."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from alexnet.core.errors import DataError
from alexnet.data.source import SourceInfo, Split

MOST_CLASSES = 65_535


class IdentifiedSplit(Split, Protocol):
    """A split that can say cheaply what it holds."""

    def identify(self, digest: hashlib._Hash) -> None:
        """Feed names and sizes, or a few bytes of each file, to a hash."""
        ...


@dataclass(frozen=True)
class PictureSource:
    """A labelled set of pictures with its splits.

    Raises:
        DataError: fewer than two classes, more than 65,535, a class met twice, or no picture to train on.
    """

    info: SourceInfo
    splits: Mapping[str, IdentifiedSplit]
    ignored: Mapping[str, int] = field(default_factory=dict)
    """How many entries were passed over, by reason."""

    def __post_init__(self) -> None:
        classes = self.info.classes
        if not len(self.splits["train"]):
            raise DataError(f"holds no pictures{self._passed_over()}", where=self.info.path)
        if len(classes) < 2:
            raise DataError(
                f"holds one class only ({classes[0]})", where=self.info.path, remedy="two are needed"
            )
        if len(classes) > MOST_CLASSES:
            raise DataError(f"holds {len(classes)} classes, more than {MOST_CLASSES}", where=self.info.path)
        if len(set(classes)) < len(classes):
            raise DataError("names a class twice", where=self.info.path)

    def fingerprint(self) -> str:
        """Return the SHA-256 of the classes and of each split's listing, in hexadecimal.

        The same on every machine: where the source stands and when its files were written have no part in it.
        """
        digest = hashlib.sha256()
        lengths = {name: len(split) for name, split in self.splits.items()}
        digest.update(json.dumps([self.info.classes, lengths]).encode())
        for split in self.splits.values():
            digest.update(split.labels.astype("<i4").tobytes())
            split.identify(digest)
        return digest.hexdigest()

    def _passed_over(self) -> str:
        counts = ", ".join(f"{reason}: {count}" for reason, count in self.ignored.items() if count)
        return f" (passed over {counts})" if counts else ""
