"""`alexnet show`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from alexnet.cli.output import print_json
from alexnet.core.errors import UsageError


def show(
    *names: str,
    views: Annotated[bool, Parameter(negative="")] = False,
    recipe: str = "alexnet",
    output: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """What is in a pack, a recipe or a network; without NAME, what there is.

    Parameters
    ----------
    names
        Packs, recipes, networks; of a recipe and a network of one name both. Several networks are compared.
    views
        Draw what the network sees of 8 pictures of a pack, instead of the contact sheet.
    recipe
        Whose views are drawn.
    output
        File of the picture; by default contact-sheet.png or views.png in the current folder.
    json
        Print JSON.
    """
    from alexnet.nets.catalog import NETWORKS, list_models
    from alexnet.runs.baseline_recipe import baseline_names
    from alexnet.runs.recipe import recipe_names

    if not names:
        return _list(list_models(), recipe_names(), baseline_names(), json)
    if len(names) > 1 and all(_plain(name) in NETWORKS and not Path(name).is_dir() for name in names):
        _compare_networks(names, json)
        return 0
    for name in names:
        path = Path(name)
        known = False
        if path.is_dir():
            _show_pack(path, recipe if views else None, output, json)
            continue
        if name.replace("_", "-").lower() in (*recipe_names(), *baseline_names()) or path.suffix == ".toml":
            known = True
            _show_recipe(name, path, json)
        if _plain(name) in NETWORKS:
            known = True
            _show_network(name, json)
        if not known:
            from alexnet.core.names import nearest

            raise UsageError(
                f"there is no pack, recipe or network {name!r}",
                remedy=nearest(name, [*list_models(), *recipe_names(), *baseline_names()]),
            )
    return 0


def _plain(name: str) -> str:
    return name.replace("-", "_").lower()


def _list(networks: list[str], recipes: list[str], baselines: list[str], json: bool) -> int:
    from alexnet.core.terminal import table
    from alexnet.data.known import KNOWN
    from alexnet.runs.baseline_recipe import load_baseline
    from alexnet.runs.recipe import load_recipe

    data = ["demo", *KNOWN]  # as runs/data.py has it, whose readers take longer to import than all this
    if json:
        print_json({"networks": networks, "recipes": recipes, "baselines": baselines, "data": data})
        return 0
    table(("recipe", "what it reproduces"), [(name, load_recipe(name).summary) for name in recipes])
    print()
    table(("baseline", "what it reproduces"), [(name, load_baseline(name).summary) for name in baselines])
    print(f"\nnetworks: {', '.join(networks)}")
    print(f"data by name: {', '.join(data)}")
    return 0


def _show_recipe(name: str, path: Path, json: bool) -> None:
    from alexnet.config.load import to_table
    from alexnet.runs.baseline_recipe import baseline_text, is_baseline, load_baseline
    from alexnet.runs.recipe import load_recipe, recipe_text

    baseline = is_baseline(name)
    resolved = load_baseline(name) if baseline else load_recipe(name)
    if json:
        print_json({"recipe": to_table(resolved)})
        return
    print(f"recipe {resolved.name}\n")
    text = path.read_text(encoding="utf-8") if path.suffix == ".toml" else None
    print(text or (baseline_text if baseline else recipe_text)(name))


def _show_network(name: str, json: bool) -> None:
    from alexnet.nets.catalog import find_network
    from alexnet.nets.describe import by, describe_network, layer_table

    spec = find_network(name)
    if json:
        print_json({"network": describe_network(spec)})
        return
    print(f"network {spec.name} ({spec.source})")
    print(f"input {by(spec.input_shape)}, {spec.num_classes:,} classes\n")
    headers, rows = layer_table(spec)
    for line in _aligned(headers, rows):
        print(line)
    print(
        "\nstd, bias: initial weights (n: inputs per unit). sees: side of the square of pixels that one unit reads."
    )
    if headers[-1] == "crosses":
        print("crosses: values that the towers read of each other.")


def _aligned(headers: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 3) -> Iterator[str]:
    """Yield the lines of a table, wide ones too: text in the first columns, numbers in the others."""
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    for row in (headers, ["-" * width for width in widths], *rows):
        cells = [
            c.rjust(w) if i >= texts else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _compare_networks(names: Sequence[str], json: bool) -> None:
    """Show how each network differs from the first."""
    from dataclasses import asdict

    from alexnet.core.terminal import table
    from alexnet.nets.catalog import find_network
    from alexnet.nets.compare import compare

    first, *others = [find_network(name) for name in names]
    if json:
        for other in others:
            networks = [{"name": spec.name, "source": spec.source} for spec in (first, other)]
            print_json({"networks": networks, "differences": [asdict(d) for d in compare(first, other)]})
        return
    for number, other in enumerate(others):
        print("\n" * (number > 0) + f"{first.name}: {first.source}\n{other.name}: {other.source}\n")
        rows = [difference.words for difference in compare(first, other)]
        if rows:
            table(("layer", "field", first.name, other.name), rows)
        else:
            print("no difference")


def _show_pack(path: Path, views_recipe: str | None, output: Path | None, json: bool) -> None:
    from alexnet.data.pack.read import Pack
    from alexnet.runs.describe import describe_pack
    from alexnet.runs.sheets import draw_pack_sheet, draw_pack_views

    pack = Pack.open(path)
    if views_recipe is not None:
        picture = output or Path("views.png")
        draw_pack_views(pack, views_recipe, picture)
    else:
        picture = output or Path("contact-sheet.png")
        draw_pack_sheet(pack, picture)
    facts = describe_pack(pack) | {"picture": str(picture)}
    if json:
        print_json(facts)
        return
    _print_pack(facts)


def _print_pack(facts: dict[str, Any]) -> None:
    from alexnet.core.files import human_bytes
    from alexnet.core.terminal import table

    height, width, channels = facts["shape"]
    print(f"pack {facts['path']}: {facts['classes']} classes, {height}x{width}x{channels}, {facts['encoding']}")
    rows = []
    for name, split in facts["splits"].items():
        balance = split["balance"]
        rows.append(
            (
                name,
                split["images"],
                human_bytes(split["bytes"]),
                balance["min"],
                balance["median"],
                balance["max"],
            )
        )
    table(("split", "pictures", "size", "fewest per class", "median", "most"), rows)
    for line in _findings(facts):
        print(line)


def _findings(facts: dict[str, Any]) -> Iterator[str]:
    """Yield what a person should know of the pictures, one line each."""
    twice = [found for found in facts["duplicates"] if found["count"]]
    for found in twice:
        first, second = found["splits"]
        place = f"within {first}" if first == second else f"of {second} that are in {first} too"
        example = " = ".join(found["first_pairs"][0])
        yield f"exact duplicates: {found['count']} pictures {place}, e.g. {example}"
    if not twice:
        yield "exact duplicates: none"
    quarantine = facts["quarantine"]
    if quarantine["total"]:
        reasons = ", ".join(f"{count} {code}" for code, count in quarantine["codes"].items())
        yield f"quarantine: {quarantine['total']} pictures ({reasons}), listed in quarantine.jsonl"
    else:
        yield "quarantine: none"
    if facts["notes"]:
        yield "converted: " + ", ".join(f"{count} {note}" for note, count in facts["notes"].items())
    yield f"mean color: {', '.join(f'{m:.1f}' for m in facts['mean'])} of 255"
    yield f"picture: {facts['picture']}"
