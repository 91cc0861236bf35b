"""Freed memory stays in the process: a buffer of the same size brings no new page."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, threading
from alexnet.core.allocator import keep_freed_memory

if sys.argv[1] == "kept" and not keep_freed_memory():
    sys.exit(77)

def fill():
    for megabytes in (25, 80):
        b"1" * megabytes * 2**20

def faults():
    fill()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    fill()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

if sys.argv[2] == "first":
    faults()
else:
    thread = threading.Thread(target=faults)
    thread.start()
    thread.join()
"""


def new_pages(*arguments: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip("only glibc can be asked to keep freed memory")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's settings")
@pytest.mark.parametrize("thread", ["first", "another"])
def test_a_buffer_is_found_mapped_again_in_every_thread(thread):
    kept = new_pages("kept", thread)
    assert kept < 100 < new_pages("default", thread)
