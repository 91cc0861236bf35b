"""The folder of one run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alexnet.checkpoint.store import CheckpointStore
from alexnet.core.errors import CheckpointError, UsageError
from alexnet.core.files import commit_bytes, commit_json, remove_leftovers, storage_error
from alexnet.core.lock import FolderLock


class RunFolder:
    """Where a run keeps its recipe, record, metrics, pictures and checkpoints.

    recipe.toml   every value of the recipe
    run.json      data, environment, estimate and outcome
    metrics.jsonl one line per `log_every` steps and per validation
    digests.jsonl one line per planned checkpoint: digests of weights and velocities, in a chain
    checkpoints/  step-000001234/ ...
    *.png         learning curves and first-layer kernels
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self.checkpoints = CheckpointStore(self.path / "checkpoints")

    @property
    def recipe(self) -> Path:
        """The resolved recipe."""
        return self.path / "recipe.toml"

    @property
    def record(self) -> Path:
        """The run's record."""
        return self.path / "run.json"

    @property
    def metrics(self) -> Path:
        """The lines of metrics."""
        return self.path / "metrics.jsonl"

    @property
    def digests(self) -> Path:
        """The lines of digests."""
        return self.path / "digests.jsonl"

    def make(self) -> None:
        """Make the folder.

        Raises:
            StorageError: it cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self.path) from None

    @contextlib.contextmanager
    def begun(self) -> Iterator[None]:
        """Make the folder and hold it; a beginning that fails before a run is in it leaves no folder.

        Raises:
            StorageError: it cannot be made, or another process holds it.
        """
        is_new = not self.path.exists()
        self.make()
        with FolderLock(self.path) as lock:
            try:
                yield
            except BaseException:
                if is_new and not self.recipe.exists():
                    with contextlib.suppress(OSError):
                        self.record.unlink(missing_ok=True)
                        lock.path.unlink()
                        self.path.rmdir()
                raise

    def create(self, recipe_toml: str, record: dict[str, Any]) -> None:
        """Write the recipe and the record of a new run.

        Raises:
            UsageError: the folder holds another run already.
            StorageError: it cannot be written.
        """
        if self.recipe.exists() or self.checkpoints.steps():
            raise UsageError(
                "holds a run already",
                where=self.path,
                remedy=f"go on with it (alexnet train --resume {self.path}) or choose another --output-dir",
            )
        commit_json(self.record, record)
        commit_bytes(self.recipe, recipe_toml.encode())  # last: a folder with a recipe holds a whole run

    def read_record(self) -> dict[str, Any]:
        """Return the run's record.

        Raises:
            CheckpointError: the folder holds no run.
        """
        with contextlib.suppress(OSError, ValueError, RecursionError):
            record = json.loads(self.record.read_text(encoding="utf-8"))
            if isinstance(record, dict):
                return record
        raise CheckpointError(
            "holds no run", where=self.path, remedy="give the folder that `alexnet train` named"
        )

    def update_record(self, **fields: Any) -> None:
        """Add fields to the run's record."""
        commit_json(self.record, self.read_record() | fields)

    def clean(self) -> None:
        """Remove what killed writers left behind."""
        remove_leftovers(self.path)
        self.checkpoints.clean()
