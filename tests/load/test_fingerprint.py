"""What a run says of its machine: runs are compared only where it is the same."""

from __future__ import annotations

from pathlib import Path

from harness.run.header import cpu_model, fingerprint


def test_two_kinds_of_processor_are_two_machines(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("processor\t: 0\nmodel name\t: AMD EPYC  7763\ncpu MHz\t\t: 2445\n" * 2)
    (tmp_path / "b").write_text("processor\t: 0\nmodel name\t: Intel(R) Xeon(R)\n")
    assert [cpu_model(tmp_path / name) for name in "ab"] == ["AMD EPYC 7763", "Intel(R) Xeon(R)"]


def test_where_nothing_says_which_it_is_the_architecture_stands_for_it(tmp_path: Path) -> None:
    assert cpu_model(tmp_path / "none")
    assert fingerprint()["cpu"]
