"""Rules that hold for every module: imports point down the floors, and nothing is too long or says too little."""

import ast
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "alexnet"
MODULES = sorted(SOURCE.rglob("*.py"))
MAX_FILE, MAX_FUNCTION, MAX_PARAMETERS = 300, 50, 7
OF_TORCH = ("forward", "extra_repr")
"""Methods that every `torch.nn.Module` has and whose meaning torch documents."""
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


_TENSORS_ONLY = "tensors only"
"""Ends the name of a call with `weights_only=True`, which unpickles nothing but tensors."""


def calls(path: Path) -> list[tuple[str, int]]:
    """Dotted names of everything that is called, aliases of imported modules spelled out."""
    tree, aliases = parsed(path), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases |= {
                (a.asname or a.name.split(".")[0]): (a.name if a.asname else a.name.split(".")[0])
                for a in node.names
            }
        elif isinstance(node, ast.ImportFrom) and not node.level:
            aliases |= {(a.asname or a.name): f"{node.module}.{a.name}" for a in node.names}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            parts, target = [], node.func
            while isinstance(target, ast.Attribute):
                parts.append(target.attr)
                target = target.value
            if isinstance(target, ast.Name):
                if any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords):
                    parts.append(_TENSORS_ONLY)
                parts.append(aliases.get(target.id, target.id))
                found.append((".".join(reversed(parts)), node.lineno))
    return found


def public(tree: ast.Module):
    """Classes and functions that others may use, methods included."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | FUNCTIONS) and not node.name.startswith("_"):
            yield node, node.name
            if isinstance(node, ast.ClassDef):
                for item in node.body:
                    if (
                        isinstance(item, FUNCTIONS)
                        and not item.name.startswith("_")
                        and item.name not in OF_TORCH
                    ):
                        yield item, f"{node.name}.{item.name}"


def test_there_is_something_to_check():
    assert len(MODULES) > 80 and SOURCE / "nets" / "network.py" in MODULES


def test_imports_point_down_the_floors(monkeypatch, capsys):
    importlinter = pytest.importorskip("importlinter.cli")
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT / "src"))
    code = importlinter.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert code == 0, capsys.readouterr().out


def test_packing_starts_without_torch():
    """Processes that pack start in a blink: nothing in data/, core/, kernels/ or config/ imports torch at its top."""
    for folder in ("core", "kernels", "config", "data"):
        for path in (SOURCE / folder).rglob("*.py"):
            for node in parsed(path).body:
                names = (
                    [a.name for a in node.names]
                    if isinstance(node, ast.Import)
                    else [getattr(node, "module", None) or ""]
                )
                assert not any(n.split(".")[0] == "torch" for n in names), name_of(path)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_functions_are_short_and_take_few_parameters(path):
    """Lines are counted without signature and docstring, which say how a function is used."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, FUNCTIONS):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            assert not body or node.end_lineno - body[0].lineno + 1 <= MAX_FUNCTION, node.name
            plain = [
                a for a in (*node.args.posonlyargs, *node.args.args) if a.arg not in ("self", "cls", "ctx")
            ]
            assert len(plain) <= MAX_PARAMETERS, node.name


@pytest.mark.parametrize("path", [p for p in MODULES if p.read_text(encoding="utf-8").strip()], ids=name_of)
def test_everything_public_says_what_it_is(path):
    tree = parsed(path)
    assert ast.get_docstring(tree), f"{name_of(path)} has no docstring"
    silent = [name for node, name in public(tree) if not ast.get_docstring(node)]
    assert not silent


def test_only_the_command_line_and_the_terminal_print():
    for path in MODULES:
        if not name_of(path).startswith("cli/") and name_of(path) != "core/terminal.py":
            assert [line for name, line in calls(path) if name in ("print", "sys.stdout.write")] == [], name_of(
                path
            )


def test_no_module_is_a_drawer():
    drawers = {"utils", "util", "helpers", "helper", "misc", "common", "tools", "base"}
    assert [name_of(p) for p in MODULES if drawers & {p.stem, *p.relative_to(SOURCE).parts[:-1]}] == []


FORBIDDEN = (
    "eval", "exec", "compile", "__import__",
    "pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.load", "marshal.loads", "shelve.open",
    "torch.load", "numpy.random.", "random.", "torch.manual_seed", "torch.seed", "torch.random.",
    "torch.cuda.manual_seed", "os.system", "tempfile.mktemp",
)  # fmt: skip
OF_TORCHS_GENERATOR = ("torch.manual_seed", "torch.random.fork_rng")
"""What one module needs, for networks of other people: it leaves the generator as it was."""


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_runs_foreign_code_or_reads_a_global_generator(path):
    allowed = OF_TORCHS_GENERATOR if name_of(path) == "ops/torch_draws.py" else ()

    def refused(name):
        return name not in allowed and any(
            name == f or (f.endswith(".") and name.startswith(f)) for f in FORBIDDEN
        )

    assert [(name, line) for name, line in calls(path) if refused(name)] == []


def test_the_rules_see_through_aliases(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "import numpy as np\nimport torch\nfrom pickle import loads as read\nfrom torch import load\n"
        "np.random.rand(3)\ntorch.manual_seed(0)\nread(b'')\nload('x')\nload('x', weights_only=True)\n"
        "self.random.choice()\nnet.eval()\n"
    )
    assert [name for name, _ in calls(path)] == [
        "numpy.random.rand", "torch.manual_seed", "pickle.loads", "torch.load", "torch.load.tensors only",
        "self.random.choice", "net.eval",
    ]  # fmt: skip


def test_no_module_runs_anything_when_it_is_imported():
    allowed = {"__main__.py", "cli/main.py"}
    for path in MODULES:
        for node in parsed(path).body:
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and name_of(path) not in allowed:
                called = ast.unparse(node.value.func)
                assert called.endswith(".register_autograd"), f"{name_of(path)}: {called}"


def test_no_two_files_of_the_tests_have_one_name():
    names = Counter(path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py")
    assert [name for name, count in names.items() if count > 1] == []


def test_source_is_utf8_with_unix_line_ends():
    for path in MODULES:
        data = path.read_bytes()
        assert b"\r" not in data and b"\t" not in data, name_of(path)
        assert not data.startswith(b"\xef\xbb\xbf"), name_of(path)
        data.decode("utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no executable bit")
def test_no_module_is_executable():
    assert [name_of(p) for p in MODULES if os.access(p, os.X_OK) and p.stat().st_mode & 0o111] == []
