"""The whole table: ``python -m tests.ground_truth [SCENARIO …] [--runs 5]`` runs it and writes docs/ground-truth.md.

The page keeps what it has of cases that are not run this time. It is drawn from the runs alone, which stand in it as
data, one a line, in a comment after each scenario's tables.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import pkgutil
import re
import sys
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

import tests.ground_truth
from harness import criteria
from tests.ground_truth.frame import FAIL, INCONCLUSIVE, ROOT, Case, Result, run

DOCUMENT = ROOT / "docs" / "ground-truth.md"
HEAD = """# Ground truth

Each fault of known size is put into the [reference target](target.md), and a real run of the scenario has to find it:
the criteria that have to fail do, nothing else does, and the figures agree with the fault's own account; how near they
have to be stands in `tests/ground_truth/SCENARIO.py`. `noop` is the fault that does nothing. `make truth` writes this
page, `python -m tests.ground_truth SCENARIO` one scenario of it.

In the lower tables P is PASS, F is FAIL, I is INCONCLUSIVE. **Bold** has to be so, in (brackets) the fault or a busy
machine may move it, everything else has to pass (or, where the table above says so, not to fail). ✗ marks what was
not allowed; two letters are two runs that differ.

"""
WITHOUT = """
## Criteria that no fault here makes fail

By no run above is it shown that these find what they are about. `tests/pure` has recordings whose truth is known, and
[calibration.md](calibration.md) those of some:

"""
NOT_RUN = """
## Cases without a run

"""
CRITERION_OF = {
    "cache_stampede": "stampede",
    "error_ratio_recovery": "error_ratio",
    "handshake_p99": "latency_quantile",
    "lost_keys": "lost_writes",
    "query_time": "latency_quantile",
    "sockets_message_delivery": "message_delivery",
}
"""Of findings that a scenario gives a name of their own."""


@dataclass(frozen=True)
class Row(Result):
    """A run, and when and on how many cores it was made."""

    day: str = ""
    cores: int = 0


def scenarios() -> dict[str, Any]:
    """Name → its module."""
    names = sorted(found.name for found in pkgutil.iter_modules(tests.ground_truth.__path__))
    modules = {name: importlib.import_module(f"tests.ground_truth.{name}") for name in names if name[0] != "_"}
    return {name: module for name, module in modules.items() if hasattr(module, "CASES")}


@click.command()
@click.argument("names", nargs=-1, metavar="[SCENARIO]…")
@click.option(
    "--runs", default=5, show_default=True, type=click.IntRange(0), help="Runs of each case; 0: the page only."
)
@click.option("--case", "only", default="", help="Only cases with this in their name.")
@click.option("--add", is_flag=True, help="Keep the runs of these cases that are on the page already.")
@click.option("--short", is_flag=True, help="What `make test` runs; the page stays as it is.")
def main(names: tuple[str, ...], runs: int, only: str, add: bool, short: bool) -> None:
    """Run every case of the SCENARIOs, or of all of them, RUNS times, taken in turn."""
    known = scenarios()
    if unknown := set(names) - known.keys():
        print(f"no scenario {', '.join(sorted(unknown))}; there are {', '.join(known)}", file=sys.stderr)
        sys.exit(2)
    chosen = {name: known[name].SHORT if short else known[name].CASES for name in names or known}
    wrong = False
    for scenario, cases in chosen.items():
        for number in range(runs):
            for case in (case for case in cases if only in case.name):
                row = _row(case)
                wrong = wrong or not row.right
                print(f"{number + 1}/{runs} {scenario}: {row}", flush=True)
                if not short:
                    _write(scenario, row, keep=add or number > 0)
    if not short:
        DOCUMENT.write_text(page(rows_of(DOCUMENT.read_text())))  # of cases as they are now
    sys.exit(wrong)


def _row(case: Case) -> Row:
    try:
        result = run(case)
    except Exception as error:  # a run that broke off is a wrong one, and the others are still to come
        text = " ".join(f"{type(error).__name__}: {error}".split())[:600]
        result = Result(case.name, (f"no run to judge: {text}",))
    values = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    return Row(**values, day=f"{datetime.now(UTC):%Y-%m-%d}", cores=os.cpu_count() or 0)


def _write(scenario: str, row: Row, keep: bool) -> None:
    """Puts one run into the page, beside the others of its case or in their place."""
    rows = rows_of(DOCUMENT.read_text() if DOCUMENT.is_file() else "")
    rows[scenario] = [*(one for one in rows.get(scenario, []) if keep or one.case != row.case), row]
    DOCUMENT.write_text(page(rows))


def rows_of(text: str) -> dict[str, list[Row]]:
    """The runs that a page holds, by scenario."""
    found = re.findall(r"<!-- (\w+)\n(.*?)-->", text, re.DOTALL)
    return {name: [Row(**json.loads(line)) for line in lines.splitlines()] for name, lines in found}


def page(rows: Mapping[str, Sequence[Row]], names: Collection[str] = criteria.available()) -> str:
    """``names``: the criteria of which it says whether a fault makes them fail."""
    of_page = {name: module.CASES for name, module in scenarios().items() if name in rows}
    sections = [_section(name, cases, rows[name]) for name, cases in of_page.items()]
    failed = {name for scenario, cases in of_page.items() for name in _found(cases, rows[scenario])}
    missing = sorted(name for name in names if not criteria.is_guard(name) and name not in failed)
    without = NOT_RUN + _words(_not_run(rows)) if [*_not_run(rows)] else ""
    return HEAD + "\n".join(sections) + without + WITHOUT + _words(f"`{name}`" for name in missing)


def _not_run(rows: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    for scenario, module in scenarios().items():
        made = {row.case for row in rows.get(scenario, ())}
        yield from (f"{scenario} {case.name}" for case in module.CASES if case.name not in made)


def _words(items: Iterable[str]) -> str:
    return textwrap.fill(", ".join(items), 120) + ".\n"


def _found(cases: Sequence[Case], rows: Sequence[Row]) -> Iterator[str]:
    """Criteria that had to fail and did, in a run that is right."""
    right = {row.case for row in rows if row.right}
    for case in cases:
        if case.name in right:
            for name, outcome in case.expected.items():
                if outcome is FAIL:
                    yield CRITERION_OF.get(name, name)


def _section(scenario: str, cases: Sequence[Case], rows: Sequence[Row]) -> str:
    made = {case.name: [row for row in rows if row.case == case.name] for case in cases}
    shown = [case for case in cases if made[case.name]]
    data = [json.dumps(dataclasses.asdict(row)).replace(">", r"\u003e") for case in shown for row in made[case.name]]
    wrong = [f"- wrong: {row.case}: {'; '.join(row.differences)}" for row in rows if not row.right]
    lines = [
        *(f"## {scenario}", "", *_table(shown, made), "", *_matrix(shown, made), ""),
        *([*wrong, ""] if wrong else []),
        *(f"<!-- {scenario}", *data, "-->", ""),
    ]
    return "\n".join(lines)


def _table(cases: Sequence[Case], made: Mapping[str, Sequence[Row]]) -> Iterable[str]:
    """One line a case."""
    yield "| case | runs | right | expected | found | true | difference | last run |"
    yield "|---|---:|---:|---|---:|---:|---:|---|"
    for case in cases:
        rows = made[case.name]
        last = f"{rows[-1].day}, {rows[-1].cores} cores"
        beside = [row for row in rows if row.figure is not None and row.truth is not None]
        unit = beside[0].unit if beside else ""
        figures, truths = [row.figure or 0.0 for row in beside], [row.truth or 0.0 for row in beside]
        by_ratio = unit != "s" and all(truths)
        apart = [a / b if by_ratio else a - b for a, b in zip(figures, truths, strict=True)]
        cells = [_spread(figures, unit), _spread(truths, unit), _spread(apart, "× the truth" if by_ratio else unit)]
        right = sum(row.right for row in rows)
        yield f"| {case.name} | {len(rows)} | {right} | {_expected(case)} | {' | '.join(cells)} | {last} |"


def _expected(case: Case) -> str:
    told = [f"{name} {outcome.value}" for name, outcome in case.expected.items()]
    told += [f"{', '.join(sorted(case.follow))} may follow"] if case.follow else []
    return "; ".join([*told, "the rest must not fail" if case.rest is INCONCLUSIVE else "the rest passes"])


def _spread(values: Sequence[float], unit: str) -> str:
    """Lowest–highest, or the one value."""
    if not values:
        return "–"
    scale, unit = (1e6, "MB") if unit == "bytes" else (1.0, unit)
    ends = [f"{value / scale:.4g}" for value in (min(values), max(values))]
    return f"{' – '.join(dict.fromkeys(ends))} {unit}"


def _matrix(cases: Sequence[Case], made: Mapping[str, Sequence[Row]]) -> Iterable[str]:
    """Criterion × fault: the outcomes seen."""
    yield f"| criterion | {' | '.join(case.name for case in cases)} |"
    yield f"|---|{':---:|' * len(cases)}"
    for name in sorted({name for case in cases for row in made[case.name] for name in row.outcomes}):
        yield f"| {name} | {' | '.join(_cell(case, name, made[case.name]) for case in cases)} |"


def _cell(case: Case, name: str, rows: Sequence[Row]) -> str:
    seen = dict.fromkeys(row.outcomes[name] for row in rows if name in row.outcomes)
    letters = " ".join(outcome[0] for outcome in seen) or "–"
    if any(difference.startswith(f"{name} ") for row in rows for difference in row.differences):
        letters += " ✗"
    if name in case.expected:
        return f"**{letters}**"
    return f"({letters})" if name in case.follow else letters


if __name__ == "__main__":
    main()
