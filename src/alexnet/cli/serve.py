"""`alexnet serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from alexnet.core.allocator import keep_freed_memory
from alexnet.core.errors import UsageError

_LOCAL = ("127.0.0.1", "::1", "localhost")
_NAMES = ("localhost", "127.0.0.1", "[::1]")
_SEARCHED = 10_000


def serve(  # noqa: PLR0913 - the command's options
    run: Path,
    *,
    port: int = 8012,
    host: str = "127.0.0.1",
    public: Annotated[bool, Parameter(negative="")] = False,
    neighbors: Annotated[bool, Parameter(negative="")] = False,
    batch: int = 8,
    checkpoint: str = "last",
    model: str | None = None,
    device: str = "auto",
) -> int:
    """A page and a JSON endpoint that classify pictures, on this machine.

    Parameters
    ----------
    run
        Folder of a run or of a checkpoint.
    port
        0 takes any that is free.
    host
        Address to listen at; any but this machine's own needs --public.
    public
        Let others ask too, with the token behind the printed address's #, which ALEXNET_TOKEN may say.
    neighbors
        Show the nearest training pictures, from the run's own data.
    batch
        Pictures that are classified at once; every answer is computed in a batch of this size.
    checkpoint
        last, best, or a step.
    model
        What makes the network of a run whose network is your own: package.module:factory.
    device
        auto, cpu, cuda or mps.
    """
    import importlib.util

    if missing := [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]:
        raise UsageError(f"serving needs {' and '.join(missing)}", remedy='run: pip install "alexnet[serve]"')
    if host not in _LOCAL and not public:
        raise UsageError(
            f"{host} can be asked by others", where="--host", remedy="add --public, which asks them for a token"
        )
    if batch < 1:
        raise UsageError(f"--batch must be at least 1, not {batch}")
    keep_freed_memory()
    from alexnet.runs.devices import choose_device
    from alexnet.runs.predictor import load
    from alexnet.serving.app import Service
    from alexnet.serving.batcher import Batcher
    from alexnet.serving.decoders import Decoders
    from alexnet.serving.gate import Gate
    from alexnet.serving.limits import Limits
    from alexnet.serving.model import Model
    from alexnet.serving.server import bind
    from alexnet.serving.server import serve as answer

    predictor, limits = load(run, checkpoint, choose_device(device), model=model), Limits()
    sock = bind("127.0.0.1" if host == "localhost" else host, port)
    model = Model(predictor, _training(predictor, run) if neighbors else None)
    decoders = Decoders(predictor.network.input, limits)
    batcher = Batcher(model.rows, batch, limits.waiting)
    try:
        token = _token() if public else None
        hosts = [] if public else [f"{name}:{sock.getsockname()[1]}" for name in _NAMES]
        app = Gate(Service(model, limits, decoders, batcher, _say).app(), frozenset(hosts), token)
        address = f"http://{'localhost' if host in _LOCAL else host}:{sock.getsockname()[1]}/"
        print(f"{address}{f'#{token}' if token else ''}  (Ctrl-C ends)", flush=True)
        answer(app, sock, limits)
    finally:
        decoders.close()
        batcher.close()
        sock.close()
    return 0


def _say(line: str) -> None:
    import sys

    print(f"alexnet: {line}", file=sys.stderr, flush=True)


def _token() -> str:
    import os
    import secrets

    return os.environ.get("ALEXNET_TOKEN") or secrets.token_urlsafe(24)


def _training(predictor: Any, run: Path) -> Any:
    """Compute the features of up to 10,000 of the run's training pictures."""
    import numpy as np

    from alexnet.core.terminal import Progress
    from alexnet.evaluation.features import features
    from alexnet.runs.evaluation import evaluation_images
    from alexnet.serving.model import Training

    _, images = evaluation_images(predictor, run, None, "train")
    numbers = np.linspace(0, len(images) - 1, min(len(images), _SEARCHED)).astype(np.int64)
    parts = []
    with Progress("training pictures", total=len(numbers), unit="images") as bar:
        for begin in range(0, len(numbers), 64):
            some = numbers[begin : begin + 64]
            parts.append(features(predictor.network, images.read(some)).numpy())
            bar.advance(len(some))
    return Training(images, numbers, np.concatenate(parts))
