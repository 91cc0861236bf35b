"""Steps and epochs as a log of metrics is told of them."""

from alexnet.optim.schedule import Rates
from alexnet.training.fit import StepTimes, Validation
from alexnet.training.hooks.metrics_log import MetricsLog
from alexnet.training.step import StepResult

TIMES = StepTimes(data=0.1, copy=0.1, compute=0.3)
VALIDATION = Validation(loss=1.5, top1_error=0.25, top5_error=0.0, count=36, split="val", selects=True)


def opened(path, state, *, said=None, log_every=2):
    return MetricsLog(path, state, log_every, 0.1, (said if said is not None else []).append)


def step(log, state, loss=2.0, scale=0.5):
    state.advance(StepResult(loss, 3, 1, 8))
    log.after_step(state, StepResult(loss, 3, 1, 8), Rates(scale, 1.0), TIMES)


def epoch(log, state, *found, improved=False):
    state.end_epoch(None)
    log.after_epoch(state, found, improved)
