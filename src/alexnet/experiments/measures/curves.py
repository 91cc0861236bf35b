"""How the error fell."""

from __future__ import annotations

from collections import defaultdict

from alexnet.experiments.measures.trained import Measured, Trained
from alexnet.training.hooks.metrics_log import read_metrics

FIGURE_1 = 0.25
"""The training error that Figure 1 counts epochs to."""


def curves(trained: Trained) -> Measured:
    """Training error, loss and held-out error of each epoch; epochs until the training error was 25 %.

    The training error is that of the images as they were trained on, with the weights of their step, as in the
    figure's program. Epochs are counted between the middles of epochs, by a straight line. A network that never
    reached it has the number of its epochs, and `reached_25` false: it needs more.
    """
    sums: dict[int, list[tuple[float, float, int]]] = defaultdict(list)
    seen, held_out = 0, []
    for line in read_metrics(trained.folder / "metrics.jsonl"):
        if line["kind"] == "train":
            count, seen = line["images_seen"] - seen, line["images_seen"]
            epoch = -(-line["epoch"] // 1) if line["epoch"] % 1 else line["epoch"]
            sums[int(epoch)].append((line["top1_error"], line["loss"], count))
        elif line["split"] == "holdout":
            held_out.append(line["top1_error"])
    errors = [_mean([(e, n) for e, _, n in sums[k]]) for k in sorted(sums)]
    losses = [_mean([(x, n) for _, x, n in sums[k]]) for k in sorted(sums)]
    reached = epochs_to(errors, FIGURE_1)
    return Measured(
        {
            "train_error": [round(e, 5) for e in errors],
            "train_loss": [round(x, 5) for x in losses],
            "holdout_error": held_out,
            "best_holdout_error": min(held_out, default=None),
            "mean_train_loss": sum(losses) / max(len(losses), 1),
            "first_epoch_error": errors[0] if errors else None,
            "last_train_error": errors[-1] if errors else None,
            "epochs_to_25": reached or float(len(errors)),
            "reached_25": reached is not None,
        }
    )


def epochs_to(errors: list[float], level: float) -> float | None:
    """Return after how many epochs, in fractions, an error per epoch first is at most `level`; None: never.

    Errors stand at the middles of their epochs: 0.5, 1.5, ...
    """
    before = None
    for number, error in enumerate(errors):
        if error <= level:
            return number + 0.5 - (0.0 if before is None else (level - error) / max(before - error, 1e-12))
        before = error
    return None


def _mean(pairs: list[tuple[float, int]]) -> float:
    return sum(value * count for value, count in pairs) / max(sum(count for _, count in pairs), 1)
