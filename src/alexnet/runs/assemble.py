"""Recipe and data in, live objects out: the only place where a string in a recipe becomes an object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from alexnet.core.errors import DataError, RecipeError
from alexnet.core.keys import Key
from alexnet.data.pack.read import Pack
from alexnet.evaluation.classifier import ViewClassifier
from alexnet.evaluation.evaluate import Evaluation, Images, Passes, evaluate
from alexnet.evaluation.input import InputSpec
from alexnet.nets.catalog import find_network
from alexnet.nets.create import create_model
from alexnet.nets.edits import apply_edits
from alexnet.nets.own import build_own, is_own
from alexnet.nets.summary import summarize
from alexnet.nets.transfer import transfer_weights
from alexnet.optim.groups import build_optimizer, narrow_gradients
from alexnet.parallel.layout import Layout
from alexnet.parallel.ranks import Ranks
from alexnet.runs.data import require_classes
from alexnet.runs.fast_path import graphed, is_graphed
from alexnet.runs.look import Look
from alexnet.runs.portions import Portions, portion
from alexnet.runs.recipe import ModelConfig, Recipe
from alexnet.runs.sharing import laid_out, share_statistics, shared
from alexnet.runs.tensors import Tensors
from alexnet.training.config import TrainConfig
from alexnet.training.feed import Feed
from alexnet.training.fit import Learner, Validation
from alexnet.views.plan import Picture


@dataclass(frozen=True)
class Parts:
    """Everything a run works with."""

    recipe: Recipe
    pack: Pack
    learner: Learner
    feed: Feed
    portions: Portions
    classifier: ViewClassifier
    layout: Layout
    look: Look

    def evaluate(
        self, images: Images, indices: np.ndarray, progress: Callable[[int, float], None] | None = None
    ) -> Evaluation:
        """Evaluate the network as it is now on one view of each picture."""
        return evaluate(
            [self.classifier],
            images,
            indices,
            num_views=1,
            batch_size=self.look.batch_size,
            progress=progress,
            passes=Passes(self.look.read, self.layout.peers),
        )

    def validate(self, progress: Callable[[int, float], None]) -> Sequence[Validation]:
        """Evaluate the held-out images and, where the recipe watches it, the `val` split, on one view."""
        share_statistics(self.learner.net, self.layout)
        found = []
        for name, (split, indices) in self.portions.looked_at(self.recipe.data).items():
            images = self.look.held.get(name, self.pack.split(split))
            result = self.evaluate(images, indices, progress)
            found.append(
                Validation(
                    loss=result.loss,
                    top1_error=result.top1_error,
                    top5_error=result.top5_error,
                    count=result.count,
                    split=name,
                    selects=self.recipe.data.select_on == name,
                )
            )
        return found

    @property
    def ranks(self) -> Ranks:
        """The processes that share the run."""
        return self.layout.ranks

    def beginning(self) -> Tensors:
        """Return the whole network as the recipe starts it, built anew."""
        net = _first(self.recipe, self.pack, self.learner.key, transfers=True)
        return Tensors(net.state_dict(), {})


def assemble(
    recipe: Recipe, pack: Pack, device: torch.device, *, starts: bool = True, ranks: Ranks | None = None
) -> Parts:
    """Build a run's objects.

    Args:
        ranks: The processes that share the run; by default this one alone.
        starts: False where a checkpoint gives the weights: the recipe's stored weights are not read.

    Raises:
        RecipeError: the recipe and the data do not fit: classes, channels, crop or network input.
        DataError: there is nothing to train on.
        UsageError: the recipe's stored weights cannot be read or do not fit; or the pictures do not fit into the
            device's memory, where the recipe wants them there.
    """
    check_fit(recipe, pack)
    key = Key.from_seed(recipe.seed)
    net, layout = laid_out(
        _first(recipe, pack, key, transfers=starts), recipe.train, ranks or Ranks(device=device)
    )
    if layout.shards.cuts and recipe.optim.trust is not None:
        raise RecipeError(
            "LARS needs the lengths of whole tensors",
            where="train.parallel",
            remedy="--set train.parallel=data",
        )
    net = _placed(net, recipe.train, device)
    alone = layout.ranks.world.is_alone and recipe.train.elastic_parts is None
    whole = recipe.train.precision == "bfloat16" and recipe.train.micro_batch_size is None
    if whole and alone and device.type == "cpu":  # a sum of narrow gradients would be rounded at each addition
        narrow_gradients(net)
    learner = Learner(net, build_optimizer(net, recipe.optim), recipe.schedule, recipe.train, device, key)
    picture = describe_pictures(pack)
    train = pack.split("train")
    num_val = len(pack.split("val")) if "val" in pack.splits else 0
    portions = portion(train.labels, num_val, recipe.data, key)
    if not len(portions.train):
        raise DataError("there are no training images", where=pack.path)
    if recipe.data.select_on == "val" and not num_val:
        raise RecipeError(
            "the data has no val split to select on", where="data.select_on", remedy="--set data.select_on=none"
        )
    inputs = _input_dtype(net, recipe.train, device)
    feed = Feed(train, portions.train, recipe.view, picture, key, recipe.train, inputs)
    look = Look()
    if not alone:
        learner, feed = shared(learner, feed, layout)
    elif is_graphed(recipe):
        looked_at = portions.looked_at(recipe.data).items()
        held_out = {name: (pack.split(split), indices) for name, (split, indices) in looked_at}
        learner, feed, look = graphed(recipe, learner, feed, held_out)
    classifier = ViewClassifier(
        net=net,
        input=input_spec(recipe, pack, feed.mean),
        classes=pack.classes,
        class_names=pack.class_names,
        device=device,
        bfloat16=recipe.train.precision == "bfloat16",
    )
    return Parts(recipe, pack, learner, feed, portions, classifier, layout, look)


def check_fit(recipe: Recipe, pack: Pack) -> None:
    """Refuse a recipe and a pack that do not go together, before anything is built.

    Raises:
        RecipeError: names the key and both values.
    """
    height, width, channels = pack.shape
    crop = recipe.view.crop
    if crop > min(height, width) + 2 * recipe.view.pad:
        raise RecipeError(
            f"a {crop}-pixel crop does not fit into the pack's {height} x {width} pictures",
            where="view.crop",
            remedy=f"pack the source again with --size {max(crop, 32)} or more",
        )
    if recipe.model.weights_layers and recipe.model.weights is None:
        raise RecipeError(
            f"{recipe.name} starts from a trained network",
            where="model.weights",
            remedy="--set model.weights=RUN, or --set model.weights_layers=[] to start from nothing",
        )
    require_classes(recipe.model.num_classes, len(pack.classes))
    if is_own(recipe.model.name):
        return _check_own(recipe)
    spec = find_network(recipe.model.name)
    table = apply_edits(spec.table, recipe.model.edits)
    if channels != spec.input_shape[0]:
        raise RecipeError(
            f"{spec.name} reads {spec.input_shape[0]} channels, the pack has {channels}",
            where="model.name",
            remedy=f"--set data.channels={spec.input_shape[0]} when packing, or choose another network",
        )
    try:
        trained = summarize(table, (channels, crop, crop), len(pack.classes))
    except ValueError as error:
        raise RecipeError(str(error), where="view.crop") from None
    built = summarize(table, spec.input_shape, len(pack.classes))
    if [row.parameters for row in trained] != [row.parameters for row in built]:
        raise RecipeError(
            f"{spec.name} reads {spec.input_shape[1]} x {spec.input_shape[2]} pixels, the views have {crop} x {crop}",
            where="view.crop",
            remedy=f"--set view.crop={spec.input_shape[1]}",
        )


def _check_own(recipe: Recipe) -> None:
    """Refuse what only the package's own networks can do."""
    model, train, plain = recipe.model, recipe.train, ModelConfig()
    for key, value, default in (
        ("model.edits", model.edits, plain.edits),
        ("model.init", model.init, plain.init),
        ("train.parallel", train.parallel, "data"),
        ("train.step", train.step, "plain"),
    ):
        if value != default:
            raise RecipeError(
                f"{model.name} is a network of somebody's own, which cannot be taken apart so",
                where=key,
                remedy=f"--set {key}={default}" if default else "leave it out",
            )


def describe_pictures(pack: Pack) -> Picture:
    """Return what the views need to know of a pack."""
    statistics = pack.statistics
    return Picture(
        shape=tuple(pack.shape),
        mean_image=pack.mean_image,
        eigenvalues=np.array(statistics.eigenvalues),
        eigenvectors=np.array(statistics.eigenvectors),
    )


def input_spec(recipe: Recipe, pack: Pack, mean: np.ndarray) -> InputSpec:
    """Return the description that travels with the weights."""
    preparation = pack.manifest.plan.preparation
    return InputSpec(
        size=pack.shape[0],
        crop=recipe.view.crop,
        channels=pack.shape[2],
        filter=preparation.filter,
        exif_rotate=preparation.exif_rotate,
        scale=recipe.view.scale,
        mean=mean,
        pad=recipe.view.pad,
    )


def _first(recipe: Recipe, pack: Pack, key: Key, *, transfers: bool) -> nn.Module:
    """Return the whole network with its initial weights, and where asked for the recipe's stored ones."""
    model, num_classes, key = recipe.model, len(pack.classes), key.derive("init")
    if is_own(model.name):
        net = build_own(model.name, num_classes, (pack.shape[2], recipe.view.crop, recipe.view.crop), key)
    else:
        net = create_model(model.name, num_classes, init=model.init, edits=model.edits, key=key)
    if transfers and model.weights is not None:
        transfer_weights(net, model.weights, model.weights_layers)
    return net


def _input_dtype(net: nn.Module, config: TrainConfig, device: torch.device) -> torch.dtype:
    """Return bfloat16 where the first layer rounds its input to it anyway: the same training, half the bytes."""
    narrow = getattr(net, "rounds_inputs", False) and config.precision == "bfloat16" and device.type == "cpu"
    return torch.bfloat16 if narrow else torch.float32


def _placed(net: nn.Module, config: TrainConfig, device: torch.device) -> nn.Module:
    if config.channels_last:
        return net.to(device, memory_format=torch.channels_last)
    return net.to(device)
