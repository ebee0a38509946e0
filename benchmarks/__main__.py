"""Runs the contests and prints their tables: ``python -m benchmarks [NAME …] [--rounds N] [--write]``.

Each contest has its own number of rounds, so that all of them together take less than 20 minutes.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import platform
import re
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click

import benchmarks

DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def contests() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name[0] != "_")


def head() -> str:
    """What the document begins with: where the figures are from."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), platform.processor())
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (
        "# Benchmarks\n\nSide by side with stock Locust and with what was on PATH, taken in turn in one run. Written "
        f"by `make bench` (`python -m benchmarks NAME --write`\nfor one contest) on {os.cpu_count()} cores of {model}, "
        f"{memory_bytes / 2**30:.0f} GB, {platform.system()} {platform.release()}, Python {platform.python_version()}, "
        f"Locust {version('locust')}.\nGenerator and target share the machine, so only the ratios within a table mean "
        "something.\n\n"
    )


def contest(name: str, rounds: int | None) -> str:
    """Runs one and says what came out, as a section of the document."""
    began_s = time.monotonic()
    module = importlib.import_module(f"benchmarks.{name}")
    rounds = rounds or module.ROUNDS
    tables = module.run(rounds)
    took = f"`{name}` took {time.monotonic() - began_s:.0f} s at {rounds} rounds on {datetime.now(UTC):%Y-%m-%d}."
    return "\n".join([*(table.markdown() for table in tables), took, ""])


def write(name: str, section: str) -> None:
    """Puts the section into the document. Others stay, if they were measured on a machine like this one."""
    before, *marked = re.split(r"<!-- (\w+) -->\n", DOCUMENT.read_text()) if DOCUMENT.is_file() else [""]
    known = dict(zip(marked[::2], marked[1::2], strict=True)) if before == head() else {}
    known[name] = section + "\n"
    ordered = [f"<!-- {contest} -->\n{known[contest]}" for contest in contests() if contest in known]
    DOCUMENT.write_text((head() + "".join(ordered)).rstrip("\n") + "\n")


@click.command()
@click.argument("names", nargs=-1)
@click.option("--rounds", type=click.IntRange(1), help="Rounds of each contest, in place of its own number.")
@click.option("--write", "writes", is_flag=True, help="Put what comes out into docs/benchmarks.md.")
def main(names: tuple[str, ...], rounds: int | None, writes: bool) -> None:
    """Run the contests NAMES, or all of them, and print their tables."""
    unknown = set(names) - set(contests())
    if unknown:
        there = f"there are {', '.join(contests())}"
        print(f"benchmarks: no contest {', '.join(sorted(unknown))}; {there}", file=sys.stderr)
        sys.exit(2)
    for name in names or contests():
        print(f"{name} …", file=sys.stderr, flush=True)
        section = contest(name, rounds)
        print(section, flush=True)
        if writes:
            write(name, section)


main()
