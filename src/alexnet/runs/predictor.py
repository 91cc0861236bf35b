"""A trained run, loaded for use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alexnet.checkpoint.store import CONFIG, MODEL, CheckpointStore, read_json, read_tensors
from alexnet.classic.squared_hinge_svm import SquaredHingeSvm, SquaredHingeSvmConfig
from alexnet.config.load import build
from alexnet.core.errors import CheckpointError, UsageError
from alexnet.core.files import verify_folder
from alexnet.core.keys import Key
from alexnet.evaluation.baseline import BaselineClassifier
from alexnet.evaluation.classifier import ViewClassifier
from alexnet.evaluation.input import InputSpec
from alexnet.evaluation.predict import Prediction, predict
from alexnet.nets.catalog import find_network
from alexnet.nets.create import create_model, expected_tensors
from alexnet.nets.edits import apply_edits
from alexnet.nets.interchange.hub import fetched, is_on_hub
from alexnet.nets.own import Factory, build_own, is_own, make_known
from alexnet.runs.stored_network import StoredNetwork, read_stored
from alexnet.runs.train import RunResult


class Predictor:
    """A network with its classes and its preparation of pictures, ready to predict.

    Args:
        classifier: The network and its input description.
        config: The checkpoint's config.json.
        checkpoint: Where it was loaded from.
    """

    def __init__(
        self, classifier: ViewClassifier | BaselineClassifier, config: dict[str, Any], checkpoint: Path
    ):
        self.classifier, self.config, self.checkpoint = classifier, config, checkpoint

    @property
    def network(self) -> ViewClassifier:
        """The classifier, where it is a network.

        Raises:
            UsageError: it is a baseline, which has none.
        """
        if isinstance(self.classifier, BaselineClassifier):
            raise UsageError("a baseline has no network", where=self.checkpoint)
        return self.classifier

    @property
    def net(self) -> torch.nn.Module:
        """The network, in evaluation mode.

        Raises:
            UsageError: it is a baseline, which has none.
        """
        return self.network.net

    @property
    def class_names(self) -> Sequence[str]:
        """Names of the classes in the order of the outputs."""
        return self.classifier.class_names

    def predict(self, images: Any, k: int = 5, *, views: int = 1) -> list[Prediction]:
        """Return the k most probable classes of each picture.

        Args:
            images: One picture or a list: paths, encoded bytes, PIL images or uint8 arrays.
            views: Crops whose probabilities are averaged.
        """
        many = isinstance(images, list | tuple)
        return list(predict([self.classifier], images if many else [images], k=k, num_views=views))


def load(
    run: str | Path | RunResult,
    checkpoint: str = "last",
    device: str | torch.device = "cpu",
    *,
    model: Factory | str | None = None,
) -> Predictor:
    """Load a run, or one of its checkpoints, for prediction.

    Args:
        run: Folder of a run or of a checkpoint, what `fit` returned, or `hf-hub:OWNER/NAME[@REVISION]`.
        checkpoint: `last`, `best`, or a step, where `run` is a run.
        device: Where the network computes.
        model: What makes the network of a run whose network is your own, as given to `fit`; or
            `package.module:factory`.

    Raises:
        CheckpointError: there is no such checkpoint, or it is damaged.
        UsageError: the network is somebody's own, and `model` is not given or makes another one.
    """
    where = fetched(run) if isinstance(run, str | Path) and is_on_hub(run) else run
    folder = find_checkpoint(where.folder if isinstance(where, RunResult) else Path(where), checkpoint)
    verify_folder(folder)
    config = read_json(folder / CONFIG)
    if config.get("kind") == "baseline":
        return Predictor(_baseline(config, folder), config, folder)
    stored, spec = read_stored(config, folder / CONFIG)
    net = _network(stored, spec, folder, model)
    classifier = ViewClassifier(
        net=net,
        input=spec,
        classes=list(stored.classes),
        class_names=list(stored.class_names),
        device=torch.device(device),
        bfloat16=stored.precision == "bfloat16",
    )
    net.to(classifier.device, memory_format=torch.channels_last).eval()
    return Predictor(classifier, config, folder)


def _network(
    stored: StoredNetwork, spec: InputSpec, folder: Path, model: Factory | str | None
) -> torch.nn.Module:
    """Return the network with its stored weights; nothing is built that is larger than its file."""
    name, count = stored.architecture, stored.num_classes
    if is_own(name):
        if model is not None:
            make_known(name, model)
        net = build_own(name, count, (spec.channels, spec.crop, spec.crop), Key.from_seed(0))
        net.load_state_dict(read_tensors(folder / MODEL, net.state_dict()))
        return net
    if model is not None:
        raise UsageError(f"the run's network is the package's {name}", remedy="leave --model out")
    network = find_network(name)
    table = apply_edits(network.table, stored.edits)
    tensors = read_tensors(folder / MODEL, expected_tensors(network, count, table, where=folder / CONFIG))
    net = create_model(name, count, edits=stored.edits, seed=0)
    net.load_state_dict(tensors)
    return net


def _baseline(config: dict[str, Any], folder: Path) -> BaselineClassifier:
    from alexnet.runs.baseline import make_features
    from alexnet.runs.baseline_recipe import BaselineRecipe

    arrays = {name: tensor.numpy() for name, tensor in read_tensors(folder / MODEL).items()}
    try:
        recipe = build(BaselineRecipe, {"name": config["recipe"], "features": config["features"]})
        channels = []
        for number, features in enumerate(recipe.features):
            learned = _named(arrays, f"{number}.features.")
            svm = SquaredHingeSvm.from_arrays(SquaredHingeSvmConfig(), _named(arrays, f"{number}.svm."))
            channels.append((make_features(features, learned), svm))
        return BaselineClassifier(
            channels=channels,
            sharpness=float(config["sharpness"]),
            input=InputSpec.from_json(config["input"]),
            classes=[str(name) for name in config["classes"]],
            class_names=[str(name) for name in config["class_names"]],
        )
    except KeyError as error:
        raise CheckpointError(f"lacks {error}", where=folder / CONFIG) from None
    except (ValueError, TypeError, IndexError, RuntimeError) as error:
        # Arrays that do not fit what the file says of them fail in as many ways as there are features.
        raise CheckpointError(f"does not describe a baseline ({error})", where=folder / CONFIG) from None


def _named(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def find_checkpoint(path: Path, which: str = "last") -> Path:
    """Return the folder of a run's checkpoint.

    Raises:
        CheckpointError: there is none.
        UsageError: `which` is not a checkpoint of this run.
    """
    if (path / CONFIG).is_file():
        return path
    store = CheckpointStore(path / "checkpoints")
    steps = store.steps()
    if not steps:
        raise CheckpointError(
            "holds no run with a checkpoint", where=path, remedy="give the folder that `alexnet train` named"
        )
    if which == "last":
        return store.path(steps[-1])
    if which == "best":
        best = read_json(store.path(steps[-1]) / "state.json").get("best_step")
        if best in steps:
            return store.path(best)
        raise UsageError("this run chose no best checkpoint", where=path, remedy="use --checkpoint last")
    if which.isdigit() and int(which) in steps:
        return store.path(int(which))
    raise UsageError(
        f"no checkpoint {which!r}", where=path, remedy=f"there are last, best and {', '.join(map(str, steps))}"
    )
