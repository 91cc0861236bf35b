"""The `alexnet` command: verbs, exit codes, one line for every mistake.

torch is imported by the verb that needs it, so that help and usage errors answer at once.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence

from cyclopts import App, CycloptsError

import alexnet
from alexnet.core.errors import AlexNetError, CommandLineError, printable
from alexnet.core.files import storage_error
from alexnet.core.names import nearest
from alexnet.parallel.world import rank_here

VERBS = {
    "demo": ("alexnet.cli.demo:demo", "The whole path on rendered pictures in a few minutes."),
    "train": ("alexnet.cli.train:train", "Train a network, or go on with a run."),
    "evaluate": ("alexnet.cli.evaluate:evaluate", "Top-1 and top-5 error of a run or an ensemble."),
    "predict": ("alexnet.cli.predict:predict", "The most probable classes of pictures."),
    "serve": ("alexnet.cli.serve:serve", "A page and an endpoint that classify pictures."),
    "compare": ("alexnet.cli.compare:compare", "What distinguishes runs."),
    "look": ("alexnet.cli.look:look", "Look inside a trained network."),
    "features": ("alexnet.cli.features:features", "What a layer makes of pictures."),
    "neighbors": ("alexnet.cli.neighbors:neighbors", "The most similar of many pictures."),
    "export": ("alexnet.cli.export:export", "A trained network as a file for other programs."),
    "push": ("alexnet.cli.push:push", "A trained network on a model hub."),
    "pack": ("alexnet.cli.pack:pack", "Decode pictures once into checksummed shards."),
    "show": ("alexnet.cli.show:show", "Look at packs, recipes and networks."),
    "download": ("alexnet.cli.download:download", "Fetch a public dataset."),
    "experiment": ("alexnet.cli.experiment:experiment", "The paper's claims, tried."),
    "report": ("alexnet.cli.report:report", "What the experiments came to, as a page."),
    "bench": ("alexnet.cli.bench:bench", "Speed beside other programs on this machine."),
    "plan": ("alexnet.cli.plan:plan", "How long a step would take on several devices."),
    "completion": ("alexnet.cli.completion:completion", "Completion of verbs and options for a shell."),
    "doctor": ("alexnet.cli.doctor:doctor", "What this machine offers, and what is missing."),
}
_FIRST_SPEAKS = 5.0
"""Seconds that a process of torchrun waits before it ends after what all have met: torchrun ends all with the first to
end, and the first process is to have said it."""

_HELP = """\
AlexNet (2012), from a folder of pictures to the paper's tables.

First steps: `alexnet demo` needs no data. `alexnet train alexnet --data
PICTURES` trains the paper's network on a folder with one subfolder per
class; `alexnet evaluate RUN` and `alexnet predict RUN PICTURE...` use it.
`alexnet VERB --help` explains each verb.
"""


def make_app(verb: str | None = None) -> App:
    """Return the command with its verbs, none of them imported yet.

    Args:
        verb: The one that is asked for: its help is its own docstring, the others keep their lines.
    """
    app = App(
        name="alexnet",
        help=_HELP,
        version=alexnet.__version__,
        help_format="plaintext",  # the other formats import a parser for 40 ms
        result_action="return_value",
        default_parameter=None,
        suppress_keyboard_interrupt=False,  # run() says a word before it ends with the same code
    )
    for name, (home, line) in VERBS.items():
        app.command(home, name=name, **({} if name == verb else {"help": line}))
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failure, 2 usage or recipe, 3 data, 4 diverged, 75 stopped and
    saved, 130 interrupted."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(arguments))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        _check_verb(arguments)
        result = make_app(arguments[0] if arguments else None)(
            arguments, exit_on_error=False, print_error=False
        )
        sys.stdout.flush()
    except CycloptsError as error:
        return _fail(CommandLineError(_usage_line(error), remedy="see `alexnet --help`"), arguments)
    except AlexNetError as error:
        if os.environ.get("ALEXNET_DEBUG") == "1":
            raise
        return _fail(error, arguments)
    except KeyboardInterrupt:
        if not rank_here():
            print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if os.environ.get("ALEXNET_DEBUG") == "1":
            raise
        return _fail(storage_error(error, error.filename or "a file"), arguments)
    except MemoryError:
        return _fail(AlexNetError("out of memory", remedy="use a smaller --batch-size"), arguments)
    return result if isinstance(result, int) else 0


def _check_verb(arguments: Sequence[str]) -> None:
    if arguments and not arguments[0].startswith("-") and arguments[0] not in VERBS:
        raise CommandLineError(f"there is no verb {arguments[0]!r}", remedy=nearest(arguments[0], VERBS))


def _fail(error: AlexNetError, arguments: Sequence[str]) -> int:
    rank = rank_here()
    if rank and error.seen_by_all:
        if "TORCHELASTIC_RUN_ID" in os.environ:
            time.sleep(_FIRST_SPEAKS)
        return error.exit_code
    if "--json" in arguments and not rank:
        kind = type(error).__name__
        print(
            json.dumps(
                {"error": {"kind": kind, "what": error.what, "where": error.where, "remedy": error.remedy}}
            )
        )
    print(f"alexnet: rank {rank}: {error}" if rank else f"alexnet: {error}", file=sys.stderr)
    return error.exit_code


def _usage_line(error: CycloptsError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(" ".join(lines)).rstrip(".")
