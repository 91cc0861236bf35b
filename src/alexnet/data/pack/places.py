"""Where raw records lie in open files, and many of them read in one call of compiled code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alexnet.data.pack.descriptors import CAN_READ_AT
from alexnet.kernels import library


def can_read() -> bool:
    """Say whether `Places.read` can be called: without compiled code, records are read one by one."""
    return CAN_READ_AT and library.available()


@dataclass(frozen=True)
class Places:
    """Where pictures lie in open files, as H * W * C bytes each."""

    descriptors: np.ndarray
    """int32 (n,)."""
    offsets: np.ndarray
    """int64 (n,), bytes."""

    def read(self, out: np.ndarray, sums: np.ndarray, is_checked: np.ndarray) -> np.ndarray:
        """Read all the records in this thread, while others go on in Python.

        Through the system's cache, not through mapped memory: a file that is cut would end the process there, and
        every page of it would count as the process's own. Copying costs the same.

        Args:
            out: uint8 (n, ...), C-contiguous: filled.
            sums: uint32 (n,): CRC-32 of each record.
            is_checked: bool (n,): records known to fit their sums, which are not summed again.

        Returns:
            bool (n,): where a whole record was there that fits its sum. Elsewhere `out` holds nothing of use.
        """
        count = len(self.offsets)
        is_read = np.zeros(count, bool)
        length = out[0].nbytes if count else 0
        arrays = (
            np.ascontiguousarray(self.descriptors, np.int32),
            np.ascontiguousarray(self.offsets, np.int64),
            out,
            np.ascontiguousarray(sums, np.uint32),
            np.ascontiguousarray(is_checked, bool),
            is_read,
        )
        addresses = [array.ctypes.data for array in arrays]
        library.run("alexnet_read_records", count, [*addresses[:2], length, *addresses[2:]])
        return is_read
