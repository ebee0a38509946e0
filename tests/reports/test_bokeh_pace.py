"""That a page is drawn leaves no trace in what its process can import."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import ModuleType

import pytest

from reports._charts import bokeh_pace
from reports._charts.bokeh_pace import PANDAS, pandas_is_looked_for_once

MODULES: dict[str, object] = sys.modules  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def looked_for(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The searches, none of which finds it."""
    names: list[str] = []
    monkeypatch.setattr(bokeh_pace, "find_spec", names.append)
    monkeypatch.delitem(MODULES, PANDAS, raising=False)
    yield names
    MODULES.pop(PANDAS, None)


def test_it_is_looked_for_once_and_known_to_be_away_until_the_last_block_ends(looked_for: list[str]) -> None:
    with pandas_is_looked_for_once():
        with pandas_is_looked_for_once():
            assert MODULES[PANDAS] is None
        assert MODULES[PANDAS] is None
    assert PANDAS not in MODULES and looked_for == [PANDAS]


def test_threads_draw_beside_each_other() -> None:
    begun, ended = Barrier(2, timeout=5), Barrier(2, timeout=5)

    def draw(ends_last: bool) -> None:
        with pandas_is_looked_for_once():
            begun.wait()
            if ends_last:
                ended.wait()
                assert MODULES[PANDAS] is None
        if not ends_last:
            ended.wait()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(draw, (True, False)))
    assert PANDAS not in MODULES


@pytest.mark.parametrize("there", [None, ModuleType(PANDAS)], ids=["somebody's note", "a module"])
def test_what_is_there_already_stays(looked_for: list[str], there: ModuleType | None) -> None:
    MODULES[PANDAS] = there
    with pandas_is_looked_for_once():
        assert MODULES[PANDAS] is there
    assert MODULES[PANDAS] is there and not looked_for


def test_what_was_put_there_meanwhile_stays() -> None:
    module = ModuleType(PANDAS)
    with pandas_is_looked_for_once():
        MODULES[PANDAS] = module
    assert MODULES[PANDAS] is module
