"""Runs the contests and prints their tables: ``python -m benchmarks [NAME …] [--rounds 5] [--write]``."""

from __future__ import annotations

import importlib
import os
import pkgutil
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click

import benchmarks

DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def contests() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name[0] != "_")


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), platform.processor())
    return (
        f"{os.cpu_count()} cores of {model}, {platform.system()} {platform.release()}, Python "
        f"{platform.python_version()}, Locust {version('locust')}, {datetime.now(UTC):%Y-%m-%d}. Generator and target "
        "share the machine, so only the ratios within a table mean something."
    )


@click.command()
@click.argument("names", nargs=-1)
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1), help="Rounds of each contest.")
@click.option("--write", is_flag=True, help="Write docs/benchmarks.md (only when all contests run).")
def main(names: tuple[str, ...], rounds: int, write: bool) -> None:
    """Run the contests NAMES, or all of them, and print their tables."""
    unknown = set(names) - set(contests())
    if unknown:
        there = f"there are {', '.join(contests())}"
        print(f"benchmarks: no contest {', '.join(sorted(unknown))}; {there}", file=sys.stderr)
        sys.exit(2)
    parts = ["# Benchmarks", "", f"Made by `make bench` on {machine()}", ""]
    for name in names or contests():
        print(f"{name} …", file=sys.stderr, flush=True)
        for table in importlib.import_module(f"benchmarks.{name}").run(rounds):
            print(table.markdown())
            parts.append(table.markdown())
    if write and not names:
        DOCUMENT.write_text("\n".join(parts))


main()
