"""The errors a user can meet: one fact, where it is, what to do about it.

Every class carries the exit code that the command line returns for it. Programming mistakes stay
ordinary exceptions (`AssertionError`, `TypeError`) and keep their traceback.
"""


class AlexNetError(Exception):
    """A failure that the person at the keyboard can understand and act on.

    Args:
        what: One sentence of fact, with the offending value.
        where: The file, record or recipe key it concerns.
        remedy: What to do next, as a command where one exists.
    """

    exit_code = 1
    seen_by_all = False
    """Whether all processes of a run meet it together, so that the first one says it for all."""

    def __init__(self, what: str, *, where: object = None, remedy: str | None = None):
        self.what = what
        self.where = None if where is None else printable(str(where))
        self.remedy = remedy
        super().__init__(what)

    def __str__(self) -> str:
        line = printable(self.what)
        if self.where:
            line = f"{self.where}: {line}"
        if self.remedy:
            line = f"{line}; {printable(self.remedy)}"
        return line

    def __reduce__(self):
        return _rebuild, (type(self), self.what, self.where, self.remedy)


class UsageError(AlexNetError):
    """A command line, name or argument that cannot mean anything."""

    exit_code = 2


class CommandLineError(UsageError):
    """A command line that cannot be read, by no process that was started with it."""

    seen_by_all = True


class RecipeError(UsageError):
    """A recipe key, value or combination that is refused."""


class DataError(AlexNetError):
    """A source, pack or picture that cannot be used."""

    exit_code = 3


class DivergedError(AlexNetError):
    """A training run whose numbers stopped being finite."""

    exit_code = 4
    seen_by_all = True


class DriftError(AlexNetError):
    """Processes that train one network and no longer hold the same weights."""

    seen_by_all = True


class StorageError(AlexNetError):
    """A disk that is full, unwritable or failing."""


class CheckpointError(AlexNetError):
    """A checkpoint that is missing, damaged or of another network."""


class StoppedError(AlexNetError):
    """A run that was asked to stop, saved its state and can be continued."""

    exit_code = 75
    seen_by_all = True


def printable(text: str) -> str:
    """Return `text` with control characters and undecodable bytes escaped, on one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def _rebuild(kind: type[AlexNetError], what: str, where: str | None, remedy: str | None) -> AlexNetError:
    return kind(what, where=where, remedy=remedy)
