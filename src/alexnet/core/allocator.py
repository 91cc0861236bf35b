"""Keeps freed memory inside the process, so that every step finds its buffers still mapped.

With glibc's defaults, blocks of tens of megabytes go back to the system when freed and are faulted in again at
the next step; for a network whose first activation is 150 MB that costs up to half of the time on a CPU. Threads
other than the first have heaps of 64 MB of their own there, which go back too: they share the first one's, or the
threads that prepare batches spend most of their time on new pages.
"""

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8
_NEVER, _TOP_PAD_BYTES = 2**31 - 1, 512 * 2**20


def keep_freed_memory() -> bool:
    """Ask the C library to keep what is freed; return whether it could be asked (Linux with glibc).

    Large pages are requested through torch's own switch, which torch reads when it is first imported.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    settings = (
        (_M_MMAP_MAX, 0),
        (_M_TRIM_THRESHOLD, _NEVER),
        (_M_TOP_PAD, _TOP_PAD_BYTES),
        (_M_ARENA_MAX, 1),
    )
    return all(mallopt(option, value) for option, value in settings)
