"""Orders that are done side by side: never two that train the same network."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from planted import SMALL, experiment, pair

from alexnet.experiments import order, run
from alexnet.experiments.claim import Arm, Budget
from alexnet.experiments.part import Average, network
from alexnet.experiments.plan import plan
from alexnet.experiments.results import Results


def orders_of(parts, folder):
    return [order.Order(part, (), {}, folder) for part in parts]


def test_two_that_need_the_same_run_are_never_done_at_once(tmp_path, monkeypatch):
    asked = experiment(seeds=range(4), ensembles=(pair(),))
    parts = plan(asked, "laptop", Results(tmp_path)).all()
    # One that starts from a network which is an arm's own, as at the smoke budget, and its twin.
    budget = Budget(base=SMALL, pretraining=SMALL)
    from_it = [
        network(Arm(name=f"from {n}", pretrained=True), budget, 0, changes=(f"seed={n}",)) for n in (0, 7)
    ]
    started = next(part for part in parts if part.digest == from_it[0].pretraining.digest)
    orders = orders_of([started, *from_it, *(p for p in parts if p is not started)], tmp_path)
    lock, busy, together, most = threading.Lock(), set(), [], []

    def work(one):
        with lock:
            if not busy.isdisjoint(one.runs):
                together.append(one.part.label)
            busy.update(one.runs)
            most.append(len(busy))
        time.sleep(0.01)
        with lock:
            busy.difference_update(one.runs)
        return one.part.label

    monkeypatch.setattr(run, "_work", work)
    with ThreadPoolExecutor(4) as workers:
        done = [found for _, found in run._finished(orders, workers, run.Setting({}, tmp_path, jobs=4))]
    assert sorted(done) == sorted(one.part.label for one in orders)
    assert not together and max(most) >= 4, "those that share nothing are done side by side"


def test_an_order_names_what_its_networks_start_from(tmp_path):
    budget = Budget(base=SMALL, pretraining=SMALL)
    one = network(Arm(name="from it", pretrained=True), budget, 0)
    other = network(Arm(name="plain"), budget, 1)
    (found,) = orders_of([Average("both", (one, other))], tmp_path)
    assert found.runs == {one.digest, one.pretraining.digest, other.digest}
