"""Class ids: how they are normalized, ordered and given names for people."""

from __future__ import annotations

import unicodedata
from array import array
from collections.abc import Iterable

import numpy as np

from alexnet.core.errors import DataError
from alexnet.data.sources.members import text_of

NAME_FILES = (b"classes.txt", b"synset_words.txt", b"words.txt")
LONGEST_NAME_FILE = 16 << 20


class ClassTable:
    """The class of each picture of one split, collected while its names are read.

    Args:
        where: What messages call the source.
        part: What they call the split's place, such as `train/`.
    """

    def __init__(self, where: object, part: str):
        self.keys: dict[bytes, int] = {}
        self.members = array("q")
        self.numbers = array("i")
        self._raw: dict[bytes, int] = {}
        self._where = where
        self._part = part

    def number(self, raw: bytes) -> int:
        """Return the number of a class name, in the order of appearance.

        Raises:
            DataError: another spelling of the same name was met: equal once normalized to NFC.
        """
        if raw not in self._raw:
            key = normalized(raw)
            if key in self.keys:
                first = next(name for name in self._raw if normalized(name) == key)
                names = f"{text_of(first)!a} and {text_of(raw)!a}"
                raise DataError(
                    f"{self._part} has two classes whose names are one once normalized: {names}",
                    where=self._where,
                )
            self._raw[raw] = self.keys[key] = len(self.keys)
        return self._raw[raw]

    def add(self, raw: bytes, member: int) -> None:
        """Note that a member belongs to the class of this name."""
        self.numbers.append(self.number(raw))
        self.members.append(member)

    def labels(self, order: list[bytes]) -> np.ndarray:
        """Return int32 (N,): the index in `order` of each noted member's class."""
        index = {key: label for label, key in enumerate(order)}
        table = np.array([index[key] for key in self.keys], np.int32)
        return table[np.frombuffer(self.numbers, np.int32)] if self.numbers else np.zeros(0, np.int32)

    def picks(self) -> np.ndarray:
        """Return int64 (N,): the noted members."""
        return np.array(self.members, np.int64)


def normalized(raw: bytes) -> bytes:
    """Return a class name in Unicode's NFC form; bytes that are not UTF-8 are left as they are."""
    try:
        return unicodedata.normalize("NFC", raw.decode()).encode()
    except UnicodeDecodeError:
        return raw


def check_val_classes(train: Iterable[bytes], val: Iterable[bytes], where: object) -> None:
    """Refuse validation classes that training lacks.

    Raises:
        DataError: names the first three of them.
    """
    if strange := sorted(set(val) - set(train)):
        names = ", ".join(text_of(name) for name in strange[:3])
        more = f" and {len(strange) - 3} more" if len(strange) > 3 else ""
        raise DataError(f"val has classes that train lacks: {names}{more}", where=where)


def names_from(text: bytes, classes: tuple[str, ...]) -> tuple[str, ...]:
    """Return what to print for each class, from lines of "id<TAB or space>name, synonym, ...".

    A class that no line gives a name keeps its id.
    """
    wanted, names = set(classes), {}
    for line in text.decode("utf-8-sig", "replace").splitlines():
        key, _, name = line.partition("\t") if "\t" in line else line.partition(" ")
        if key.strip() in wanted and (name := first_synonym(name)):
            names[key.strip()] = name
    return tuple(names.get(class_id, class_id) for class_id in classes)


def first_synonym(words: str) -> str:
    """Return the first of a synset's comma-separated words."""
    return words.partition(",")[0].strip()
