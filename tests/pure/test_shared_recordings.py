"""Recordings that many tests share: what one does to its own reaches no other."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.recording import CriterionSpec, Recording
from harness.recording.line import decode, encode
from harness.recording.slices import Packed
from tests.recordings import healthy, login_herd, made_once


@pytest.fixture
def make() -> Callable[[Any], Recording]:
    """One that is named after its argument."""

    @made_once
    def named(argument: Any) -> Recording:
        run = healthy()
        return dataclasses.replace(run, header=dataclasses.replace(run.header, scenario=f"{argument}"))

    return named


@pytest.mark.parametrize(
    "change",
    [
        lambda run: run.probes[0].values.update({"rss_bytes": 1.0}),
        lambda run: run.probes[0].values.__setitem__("rss_bytes", 1.0),
        lambda run: run.probes[0].values.clear(),
        lambda run: run.probes[-1].values.pop("rss_bytes"),
        lambda run: run.header.parameters.setdefault("herd_users", 1),
        lambda run: run.header.environment.popitem(),
    ],
)
def test_nobody_changes_a_line(change: Callable[[Recording], object]) -> None:
    with pytest.raises(TypeError, match="other tests have this recording"):
        change(healthy())


def test_a_histogram_is_as_it_was_read_and_cannot_be_changed() -> None:
    latency = healthy().slices[0].latency
    assert isinstance(latency, Packed)
    with pytest.raises(TypeError, match="item assignment"):
        latency[1] = 1  # type: ignore[index]


def test_a_copy_may_be_changed_and_a_line_is_written_and_read_as_any_other() -> None:
    sample, piece = healthy().probes[0], healthy().slices[0]
    mine = copy.deepcopy(sample.values)
    assert isinstance(mine, dict)
    mine["rss_bytes"] = 1.0
    assert mine != sample.values
    assert [decode(encode(line).encode()) for line in (sample, piece)] == [sample, piece]


@pytest.mark.parametrize(
    "arguments",
    [
        (1, 1.0, True),
        ([1, 2], (1, 2)),
        (CriterionSpec("error_ratio", {"limit": 0.1}), CriterionSpec("error_ratio", {"limit": 0.2})),
    ],
)
def test_arguments_that_are_not_the_same_make_two(make: Callable[[Any], Recording], arguments: tuple[Any, ...]) -> None:
    assert [make(each).header.scenario for each in arguments] == [f"{each}" for each in arguments]
    assert [make(each).header.scenario for each in arguments] == [f"{each}" for each in arguments]


def test_the_same_arguments_make_one(make: Callable[[Any], Recording]) -> None:
    """The second has nothing of what was worked out for the first."""
    first, second = make([(1.0, 2.0)]), make([(1.0, 2.0)])
    assert first is not second and first.slices is second.slices
    assert login_herd(flaps=[(1.0, 2.0)]).slices is login_herd(flaps=[(1.0, 2.0)]).slices


def test_an_argument_by_which_it_could_not_be_found_again_is_refused(make: Callable[[Any], Recording]) -> None:
    with pytest.raises(TypeError, match="unhashable"):
        make(np.arange(2000))
