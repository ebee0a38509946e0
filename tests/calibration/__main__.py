"""How often the judging side is right: ``python -m tests.calibration [ROW …] [--runs 300] [--first-seed 1000]`` writes
docs/calibration.md.

A row is a file of ``rows/``: ``TITLE``, a docstring that says what is simulated and where its truth comes from, and
``figures(seeds, each)``, which yields what was measured, one simulated run for each seed. ``each`` is ``map`` over
several processes, so what is given to it has to be importable. ``SHORT`` is the number of runs with which
``test_short.py`` repeats it.
The page keeps the rows that are not measured this time.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pkgutil
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, cast

import click

import tests.calibration.rows
from tests.calibration.figures import Figure

DOCUMENT = Path(__file__).parents[2] / "docs" / "calibration.md"
HEAD = """# Calibration

How often the judging side is right, measured on simulated services whose truth is known: the same arrivals, with and
without the disturbance. A share stands with its 95 % interval (Clopper & Pearson) and the number of simulated runs.
The estimators were developed on other seeds (0 to 399) of the same simulations. Where a section names its seeds, from
1,000 on, it was measured afterwards, out of sample; where it names none, on the seeds of the development. A ✗ stands
where a goal is not reached, with the reason where it is known. `make calibrate` writes this page,
`python -m tests.calibration ROW` one row of it; `make test` repeats it with fewer runs.
"""

FIRST_SEED = 1000
"""The estimators were developed on the seeds below it, with which the tests repeat the rows."""

Each = Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]
"""``map``, in the order of the arguments, over several processes."""


class Row(Protocol):
    """What a file of ``rows/`` has."""

    TITLE: str
    SHORT: int
    __doc__: str | None

    def figures(self, seeds: range, each: Each) -> Iterator[Figure]: ...


def rows() -> dict[str, Row]:
    """File name → its module."""
    names = sorted(found.name for found in pkgutil.iter_modules(tests.calibration.rows.__path__))
    return {name: cast(Row, importlib.import_module(f"tests.calibration.rows.{name}")) for name in names}


def section(name: str, row: Row, figures: Iterable[Figure], seeds: range) -> str:
    """The row as Markdown, from its heading on."""
    lines = [
        f"## {row.TITLE}",
        "",
        (row.__doc__ or "").strip(),
        "",
        f"`{name}`, {len(seeds)} runs of each case, seeds {seeds.start:,} to {seeds[-1]:,}, "
        f"{datetime.now(UTC):%Y-%m-%d}:",
        "",
        "| simulated | measured | figure | wanted | |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {f.case} | {f.what} | {f.figure} | {f.wanted} | {remark(f)} |" for f in figures]
    return "\n".join(lines) + "\n"


def remark(figure: Figure) -> str:
    """``✗`` where a goal is not reached, with the reason where it is known; that is told of these runs, too, where the
    goal is reached by chance.
    """
    known_short = getattr(figure, "known_short", "")
    if figure.reached:
        return f"not with other seeds: {known_short}" if known_short else ""
    return f"✗ {known_short}".strip()


def write(measured: dict[str, str]) -> None:
    """Puts the sections into the page, beside those that it has of other rows."""
    text = DOCUMENT.read_text() if DOCUMENT.exists() else ""
    kept = {}
    for part in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]:
        if found := re.search(r"^`(\w+)`, \d+ runs", part, flags=re.MULTILINE):
            kept[found[1]] = part.strip() + "\n"
    sections = {name: {**kept, **measured}[name] for name in rows() if name in kept or name in measured}
    DOCUMENT.write_text("\n".join([HEAD, *sections.values()]))


@click.command()
@click.argument("names", nargs=-1, metavar="[ROW]…")
@click.option("--runs", default=300, show_default=True, type=click.IntRange(1), help="Simulated runs of each case.")
@click.option("--first-seed", default=FIRST_SEED, show_default=True, type=click.IntRange(0), help="Of each case.")
@click.option("--write/--no-write", "writing", default=True, help="Write docs/calibration.md.")
def main(names: tuple[str, ...], runs: int, first_seed: int, writing: bool) -> None:
    """How often the judging side is right."""
    found = rows()
    if unknown := sorted(set(names) - set(found)):
        raise click.UsageError(f"no such row: {', '.join(unknown)}; there are {', '.join(found)}")
    seeds = range(first_seed, first_seed + runs)
    short = 0
    measured = {}
    with multiprocessing.get_context("forkserver").Pool(os.cpu_count()) as pool:
        for name in names or found:
            began_s = time.monotonic()
            figures = []
            for figure in found[name].figures(seeds, pool.imap):
                figures.append(figure)
                print(f"{name}: {figure.case}: {figure.what}: {figure.figure}", remark(figure), flush=True)
            print(f"{name}: {time.monotonic() - began_s:.0f} s", flush=True)
            measured[name] = section(name, found[name], figures, seeds)
            short += sum(not figure.reached for figure in figures)
    if writing:
        write(measured)
    print(f"{short} figures short of what is wanted")
    sys.exit(bool(short))


if __name__ == "__main__":
    main()
