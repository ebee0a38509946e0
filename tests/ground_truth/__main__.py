"""The whole table: ``python -m tests.ground_truth [--runs 10]`` writes docs/ground-truth.md. Takes about an hour."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from tests.ground_truth.cases import HEALTHY, LEAK, ROOT, Result, run, slow_drain

CASES = (HEALTHY, LEAK, slow_drain(5), slow_drain(10), slow_drain(20))


@click.command()
@click.option("--runs", default=10, show_default=True, type=click.IntRange(1), help="Runs of each case.")
def main(runs: int) -> None:
    """Run every case RUNS times, taken in turn, and write the table."""
    results: dict[str, list[Result]] = {case.name: [] for case in CASES}
    for number in range(runs):
        for case in CASES:
            result = run(case)
            results[case.name].append(result)
            print(f"{number + 1}/{runs} {'right' if result.right else 'WRONG'} {result}", flush=True)
            (ROOT / "docs" / "ground-truth.md").write_text(_document(results))
    sys.exit(any(not result.right for found in results.values() for result in found))


def _document(results: dict[str, list[Result]]) -> str:
    lines = [
        "# Ground truth",
        "",
        "A fault of known size is switched on in the reference target, and a real login herd has to find that size:",
        "`session_leak` within 15 % by `memory_growth`, `slow_drain` within 1.5 s by `recovery_time`; every guard has",
        "to pass, and nothing that the fault cannot move may fail. The healthy target has to pass everything.",
        "",
        f"`make truth`, last written {datetime.now(UTC):%Y-%m-%d}; the cases are run in turn.",
        "",
        "| case | runs | right | figure ÷ truth, lowest – highest | figure, lowest – highest |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, found in results.items():
        figures = [result.figure for result in found if result.figure is not None]
        ratios = [result.figure / result.truth for result in found if result.figure is not None and result.truth]
        scale, unit = (1e6, "MB") if found and found[0].unit == "bytes" else (1, "s")
        spread = f"{min(figures) / scale:.1f} – {max(figures) / scale:.1f} {unit}" if figures else "–"
        near = f"{min(ratios):.3f} – {max(ratios):.3f}" if ratios else "–"
        lines.append(f"| {name} | {len(found)} | {sum(result.right for result in found)} | {near} | {spread} |")
    wrong = [result for found in results.values() for result in found if not result.right]
    lines += ["", *(f"- wrong: {result.case}: {result.told}" for result in wrong)]
    return "\n".join(lines).rstrip() + "\n"


main()
