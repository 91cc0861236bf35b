"""Two network namespaces as two hosts: torchrun meets over a virtual cable, one host is lost and comes back."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from small_run import STEPS, TESTS, environment, last_digests, make_pack, new_run, samples_by_step, write_plan

PREFIX = f"ax{os.getpid() % 10000}"
HOSTS = (f"{PREFIX}a", f"{PREFIX}b")
ADDRESSES = ("10.77.0.1", "10.77.0.2")


def ip(*arguments):
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True)


@pytest.fixture
def hosts():
    """Two namespaces with a cable between them; skips loudly where they may not be made."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("NO NETWORK NAMESPACES: two hosts are tested by root, with iproute2")
    try:
        for host in HOSTS:
            ip("netns", "add", host)
        cable = "link add {0} netns {0} type veth peer name {1} netns {1}".format(*HOSTS)
        ip(*cable.split())
        for host, address in zip(HOSTS, ADDRESSES, strict=True):
            ip("-n", host, "addr", "add", f"{address}/24", "dev", host)
            for device in (host, "lo"):
                ip("-n", host, "link", "set", device, "up")
        yield HOSTS
    except subprocess.CalledProcessError as error:
        pytest.skip(f"NO NETWORK NAMESPACES: {error.stderr.strip()}")
    finally:
        for host in HOSTS:
            subprocess.run(["ip", "netns", "del", host], capture_output=True)


def start_host(hosts, number, plan, arguments, log):
    """Start a host's torchrun in a process group of its own."""
    command = [
        "ip", "netns", "exec", hosts[number], sys.executable, "-m", "torch.distributed.run",
        "--nnodes", "2", "--nproc-per-node", "1", "--max-restarts", "3", "--rdzv-backend", "c10d",
        "--rdzv-endpoint", f"{ADDRESSES[0]}:29400", "--rdzv-id", "two-hosts", "--local-addr", ADDRESSES[number],
        "--rdzv-conf", f"is_host={1 - number}",
        str(TESTS / "parallel" / "faulty.py"), str(plan), *arguments,
    ]  # fmt: skip
    # A torchrun that comes back is told nothing of the store that the others go on sharing (torch 2.13).
    variables = environment(GLOO_SOCKET_IFNAME=hosts[number], TORCH_DISABLE_SHARE_RDZV_TCP_STORE="1")
    with open(log, "a") as stream:
        return subprocess.Popen(
            command, stdout=stream, stderr=subprocess.STDOUT, env=variables, start_new_session=True
        )


def kill_host(host):
    """End everything in a namespace at once, as a power cut would."""
    for process in ip("netns", "pids", host).stdout.split():
        os.kill(int(process), signal.SIGKILL)


def wait_for(condition, what):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("lost", [1, 0], ids=["one that joins", "the one they meet on"])
def test_a_run_goes_on_when_a_host_comes_back(hosts, tmp_path, lost):
    """A rank stops itself at a step, so that its host is surely lost inside one."""
    pack = make_pack(tmp_path)
    run, log, records = tmp_path / "run", tmp_path / "log.txt", tmp_path / "records"
    fault = {"attempt": 0, "rank": lost, "where": "step", "after": 10, "does": "SIGSTOP"}
    plan = write_plan(tmp_path, faults=[fault])
    running = [start_host(hosts, number, plan, new_run(pack, run), log) for number in range(2)]
    try:
        steps = records / f"0-{lost}.jsonl"
        wait_for(lambda: steps.is_file() and len(steps.read_text().splitlines()) == 10, "the tenth step")
        kill_host(hosts[lost])
        running[lost].wait(10)
        wait_for(lambda: "lost the other processes" in log.read_text(), "the notice")
        if lost == 0:  # with the place where they met, the other torchrun ends too
            assert running[1].wait(120) != 0
        for path in records.glob("0-*.jsonl"):
            path.unlink()
        plan = write_plan(tmp_path)
        for number, process in enumerate(running):
            if process.poll() is not None:
                running[number] = start_host(hosts, number, plan, new_run(pack, run), log)
        assert [process.wait(120) for process in running] == [0, 0], log.read_text()
    finally:
        for process, host in zip(running, hosts, strict=True):
            kill_host(host)
            process.wait(10)
    assert "going on from step 8" in log.read_text()
    assert list(samples_by_step(records)) == list(range(8, STEPS))
    alone = tmp_path / "alone"
    arguments = [sys.executable, "-m", "alexnet", *new_run(pack, alone)]
    subprocess.run(arguments, check=True, capture_output=True, env=environment())
    assert last_digests(alone) == last_digests(run)
