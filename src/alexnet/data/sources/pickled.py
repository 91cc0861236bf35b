"""The python version of CIFAR is a pickle; this reads the few kinds of it that are data, and executes nothing.

`pickletools.genops` decodes the opcodes. The stack machine below knows numbers, text, lists, dictionaries and
the one shape of call that a numpy array of bytes is written as, and refuses every other opcode, global or call.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import Any

from alexnet.core.errors import DataError

_ARRAY_MAKERS = {("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")}
_CLASSES = {("numpy", "ndarray"), ("numpy", "dtype")}
_PUSHED = {
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG1", "STRING", "BINSTRING", "SHORT_BINSTRING")),
    **dict.fromkeys(("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES")),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_HEADER_OF_LONG = {"BINSTRING": 5, "BINBYTES": 5, "SHORT_BINSTRING": 2, "SHORT_BINBYTES": 2}
_MARK = object()


@dataclass(frozen=True)
class Raw:
    """A string of bytes in the pickle: where it is, not what it is."""

    offset: int
    size: int


@dataclass
class PickledArray:
    """A numpy array of bytes in the pickle."""

    shape: tuple[int, ...] = ()
    dtype: str = ""
    fortran: bool = False
    raw: Raw | None = None


@dataclass(frozen=True)
class _Global:
    name: tuple[str, str]


@dataclass(frozen=True)
class _DType:
    name: str


def read_pickle(data: bytes, where: object) -> dict[str, Any]:
    """Return the dictionary that a pickle of plain data describes.

    Keys and text are str. Arrays come as `PickledArray`, whose `raw` gives the position of their bytes in
    `data`.

    Raises:
        DataError: the pickle is damaged or holds anything but data.
    """
    machine = _Machine(where)
    try:
        for opcode, argument, position in pickletools.genops(data):
            if opcode.name == "STOP":
                break
            machine.step(opcode.name, argument, position or 0)
        value = machine.stack.pop()
    except DataError:
        raise
    except Exception as error:  # the decoder and the stack answer damage with many kinds of exception
        raise DataError(f"is a damaged pickle ({type(error).__name__})", where=where) from None
    if not isinstance(value, dict) or machine.stack or not all(isinstance(key, str) for key in value):
        raise DataError("is a pickle of something other than a dictionary of data", where=where)
    return value


class _Machine:
    """The stack and memo of a pickle."""

    def __init__(self, where: object):
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.where = where

    def step(self, name: str, argument: Any, position: int) -> None:
        stack = self.stack
        if name in _HEADER_OF_LONG and len(argument) > 255:
            stack.append(Raw(position + _HEADER_OF_LONG[name], len(argument)))
        elif name in _PUSHED:
            stack.append(argument.decode("latin-1") if isinstance(argument, bytes) else argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name == "MARK":
            stack.append(_MARK)
        elif name in _TUPLES:
            items = [stack.pop() for _ in range(_TUPLES[name])]
            stack.append(tuple(reversed(items)))
        elif name not in ("PROTO", "FRAME"):
            handler = getattr(self, f"_{name.lower()}", None)
            if handler is None:
                self._refuse(f"the opcode {name}")
            handler(argument)

    def _refuse(self, what: str) -> None:
        raise DataError(
            f"holds {what}, which is not data: it was not executed",
            where=self.where,
            remedy="use the binary version",
        )

    def _items(self) -> list[Any]:
        """Pop everything above the last mark, and the mark."""
        items = []
        while (item := self.stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]

    def _tuple(self, _: object) -> None:
        self.stack.append(tuple(self._items()))

    def _list(self, _: object) -> None:
        self.stack.append(self._items())

    def _dict(self, _: object) -> None:
        items = self._items()
        self.stack.append(dict(zip(items[::2], items[1::2], strict=True)))

    def _append(self, _: object) -> None:
        item = self.stack.pop()
        self._target(list).append(item)

    def _appends(self, _: object) -> None:
        items = self._items()
        self._target(list).extend(items)

    def _setitem(self, _: object) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._target(dict)[key] = value

    def _setitems(self, _: object) -> None:
        items = self._items()
        self._target(dict).update(zip(items[::2], items[1::2], strict=True))

    def _target(self, kind: type) -> Any:
        if type(self.stack[-1]) is not kind:
            self._refuse("a write into something other than a list or dictionary")
        return self.stack[-1]

    def _put(self, argument: int) -> None:
        self.memo[argument] = self.stack[-1]

    def _get(self, argument: int) -> None:
        self.stack.append(self.memo[argument])

    _binput = _long_binput = _put
    _binget = _long_binget = _get

    def _memoize(self, _: object) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._push_global(module, name)

    def _stack_global(self, _: object) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._push_global(module, name)

    def _push_global(self, module: object, name: object) -> None:
        if (module, name) not in _ARRAY_MAKERS | _CLASSES:
            self._refuse(f"{str(module)[:60]}.{str(name)[:60]}")
        self.stack.append(_Global((str(module), str(name))))

    def _reduce(self, _: object) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        if not (isinstance(called, _Global) and isinstance(arguments, tuple) and arguments):
            self._refuse("a call")
        if called.name in _ARRAY_MAKERS and arguments[0] == _Global(("numpy", "ndarray")):
            self.stack.append(PickledArray())
        elif called.name == ("numpy", "dtype") and isinstance(arguments[0], str):
            self.stack.append(_DType(arguments[0]))
        else:
            self._refuse("a call")

    def _build(self, _: object) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, _DType):
            return
        if not (isinstance(target, PickledArray) and isinstance(state, tuple) and len(state) == 5):
            self._refuse("an object with a state of its own")
        _, shape, dtype, fortran, raw = state
        if not (isinstance(shape, tuple) and isinstance(dtype, _DType) and isinstance(raw, Raw)):
            self._refuse("an array of something other than bytes")
        target.shape, target.dtype, target.fortran, target.raw = shape, dtype.name, bool(fortran), raw
