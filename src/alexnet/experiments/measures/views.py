"""Several views of a test image: how many, and what is averaged (paper, section 4.1 and the footnote of section 6)."""

from __future__ import annotations

from dataclasses import replace

from alexnet.experiments.measures.trained import Measured, Trained, errors


def views(trained: Trained) -> Measured:
    """Errors of 1, 5 and 10 views, their probabilities averaged, and of 10 with their logits averaged."""
    values = {f"{n}": errors(trained.evaluate(trained.test, n)) for n in (1, 5, 10)}
    logits = replace(trained.predictor.classifier, averages="logits")
    values["10_logits"] = errors(trained.evaluate(trained.test, 10, logits))
    return Measured(values)
