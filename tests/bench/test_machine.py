"""What a result says of the machine."""

import sys

import pytest

from alexnet.bench import machine


def test_the_machine_is_described_in_plain_values():
    found = machine.describe_machine()
    assert found["cpu"] and found["cores"] >= 1
    assert found["load_average"] is None or len(found["load_average"]) == 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's own files")
def test_memory_and_processor_are_read(tmp_path, monkeypatch):
    (tmp_path / "memory").write_text("MemTotal:       2000 kB\nMemFree:  5 kB\nMemAvailable:   1000 kB\n")
    (tmp_path / "cpu").write_text("processor\t: 0\nmodel name\t: Fast One\nmodel\t\t: 2\ncpu family\t: 26\n")
    monkeypatch.setattr(machine, "_MEMORY_INFO", tmp_path / "memory")
    monkeypatch.setattr(machine, "_CPU_INFO", tmp_path / "cpu")
    assert machine.available_memory() == 1_024_000
    found = machine.describe_machine()
    assert (found["cpu"], found["memory_bytes"]) == ("Fast One (family 26, model 2)", 2_048_000)
