"""What the commands write and say, of logs and of series, and what they refuse. That it runs: tests/run."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.commands.import_traffic import import_log
from harness.commands.learn import FILES, learn_from
from harness.errors import ConfigurationError
from shapes._series import Wanted
from tests.learn import traffic_log
from tests.learn.logs import Seen, common

WANTED = Wanted(option="-")
SOME = "\n".join(common(Seen(n)) for n in range(20))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    return traffic_log.write(tmp_path_factory.mktemp("logs") / "shop.access.log", days=5, crowds=1)


def learn(name: str, output: Path, **more: object) -> list[str]:
    asked: dict[str, object] = {"window_s": None, "offset_s": None, "wanted": WANTED, "force": False, **more}
    return learn_from([name], output, **asked)  # type: ignore[arg-type]


def test_a_log_becomes_a_mix_without_what_may_be_secret(shop: str, tmp_path: Path) -> None:
    told = "\n".join(import_log([shop], None, tmp_path / "mix.py", force=False))
    text = (tmp_path / "mix.py").read_text()
    assert "hush" not in told + text
    assert re.findall(r'"GET", "(\S+?)", \[', text) == ["/search", "/items/{id}", "/"] or "/items/{id}" in text
    for words in ("of 3 kinds that can be sent again", "the query strings of", "POST: a log has no bodies"):
        assert words in told and words in text
    assert f"springback run {tmp_path / 'mix.py'} --host http://127.0.0.1:8000" in told and "THIS_FILE" not in text
    base, peak = (float(re.findall(rf"{name} = (\S+)", text)[0]) for name in ("base", "peak"))
    assert base == pytest.approx(0.5, rel=0.2) and peak > 4 * base


def test_what_is_learned_of_a_log_is_told_drawn_and_written(shop: str, tmp_path: Path) -> None:
    told = "\n".join(learn(shop, tmp_path / "out"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)
    assert "1 spike of" in told and "INCONCLUSIVE, 5 days are known, and 28 are needed" in told
    (usual,) = re.findall(r"usual level (\S+) requests/s", told)
    assert float(usual) == pytest.approx(0.5, rel=0.1)
    assert "busiest at 1" in told and "on 4 days" in told
    everything = told + "".join(path.read_text() for path in (tmp_path / "out").iterdir())
    assert "hush" not in everything
    data = json.loads((tmp_path / "out" / "learned.json").read_text())
    (spike,) = data["spikes"]["largest"]
    assert spike["m"] == pytest.approx(6, abs=1.5) and spike["duration_s"] == pytest.approx(1800, abs=180)
    assert spike["family"] in ("step", "flash crowd") and spike["explained_ratio"] > 0.8
    assert spike["from_utc"].startswith("2026-06-05T1")
    with (tmp_path / "out" / "replay.csv").open() as file:
        levels = [float(row["level"]) for row in csv.DictReader(file)]
    assert max(levels) == pytest.approx(0.75 * 6, rel=0.4) and len(levels) > 30


def test_the_page_needs_no_network_and_has_the_fit_over_the_data(shop: str, tmp_path: Path) -> None:
    learn(shop, tmp_path / "out")
    page = (tmp_path / "out" / "learned.html").read_text()
    assert "<script" not in page and "http://" not in page and "https://" not in page and "default-src 'none'" in page
    assert page.count("<svg") == 4, "timeline, one spike, hours, the day that follows"
    spike = page.split('aria-label="Spike of')[1].split("</svg>")[0]
    assert 'polyline class="seen"' in spike and 'polyline class="fitted"' in spike
    assert "Nothing is told of the week" in page and "INCONCLUSIVE" in page


def test_a_series_is_learned_too(tmp_path: Path) -> None:
    """It says nothing of which requests there were, so the scenario has one to be replaced."""
    rows = ["Time;rps"]
    for hour in range(24 * 16):
        level = 10 - 5 * np.cos(2 * np.pi * hour / 24) + (60 if hour == 24 * 12 + 15 else 0)
        rows.append(f"{1_780_272_000_000 + 3_600_000 * hour};{level:.2f}".replace(".", ","))
    (tmp_path / "rps.csv").write_text("\n".join(rows))
    told = "\n".join(learn(str(tmp_path / "rps.csv"), tmp_path / "out"))
    assert "read 384 rows: Time as the time, rps as the level, times in milliseconds" in told
    assert "16 days known, in windows of 1 h" in told and "1 spike of" in told and "put yours into REQUESTS" in told
    assert "the level of the same day of the week before" in told
    assert '(1, "GET", "/", ["/"])' in (tmp_path / "out" / "learned_spike.py").read_text()


def test_of_a_gap_in_a_series_nothing_is_learned(tmp_path: Path) -> None:
    """And nothing else is said of it: a shape would go straight over it."""
    rows = [f"{60 * n},{5 + n % 3}" for n in range(3000) if not 1000 < n < 1600]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    told = "\n".join(learn(str(tmp_path / "a.csv"), tmp_path / "out"))
    assert "599 of 3,000 windows of 60 s have no row: nothing is learned from them" in told and "bridged" not in told


def test_an_hour_of_data_is_learned_as_far_as_it_goes(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("\n".join(common(Seen(traffic_log.START + n)) for n in range(3600)))
    told = "\n".join(learn(str(tmp_path / "a.log"), tmp_path / "out"))
    assert (
        "no spike" in told
        and "INCONCLUSIVE, less than one day is known, and 28 are needed" in told
        and "three whole days" in told
    )


def test_of_a_burst_after_silence_it_is_not_said_that_there_was_no_spike(tmp_path: Path) -> None:
    """Nothing is so many times a usual level of 0, however high it is."""
    rows = [f"{10 * n},{80 if 30 <= n < 33 else 0}" for n in range(70)]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    told = "\n".join(learn(str(tmp_path / "a.csv"), tmp_path / "out"))
    assert "no spike" not in told
    assert "whether there was a spike is not known: the usual level is 0" in told and "the highest is 80." in told
    assert "peak = 80" in (tmp_path / "out" / "learned_spike.py").read_text()


@pytest.mark.parametrize(
    ("files", "more", "told"),
    [
        ({"a.csv": "time,level\n0,1\n1,-1\n"}, {}, "line 3: the level is below 0"),
        ({"a.csv": "time,a,b\n0,1,1\n1,1,1\n"}, {}, "choose one by its name or number with --level-column (a, b)"),
        ({"a.csv": "time,level\n0,1\n99999999999,1\n"}, {"window_s": 1}, "a clock that was wrong"),
        (
            {"a.txt": "hush\nhush\n"},
            {},
            "line 1: 1 fields instead of time,level), and of no known format of a log: nginx",
        ),
        ({"a.log": common(Seen(9)), "b.csv": "0,1\n1,1\n"}, {}, "give one kind at a time"),
        ({"a.csv": "0,1\n1,1\n", "b.csv": "0,1\n1,1\n"}, {}, "one series at a time"),
        ({"a.log": SOME}, {"window_s": 7}, "--window-s 7: it has to divide a day; the nearest is 6"),
        ({"a.log": SOME.replace("GET", "POST")}, {}, "no request that can be sent again"),
        ({"a.log": common(Seen(9))}, {}, "1 windows of 1 s, and 10 are needed"),
        ({"a.csv": "0,1\n1e300,1\n"}, {}, "too large to be any"),
        ({"a.csv": "0,1\n1,1e300\n"}, {}, "too large to be any"),
        ({"a.csv": ""}, {}, "a.csv: it is empty"),
        ({"a.csv": "0,1\n2,1\n1,1\n"}, {}, "line 3: the time goes back, from 2; sort the rows by their time"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_in_words(
    tmp_path: Path, files: dict[str, str], more: dict[str, int], told: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    asked = {"window_s": None, **more}
    with pytest.raises(ConfigurationError) as raised:
        learn_from(
            [str(tmp_path / name) for name in files], tmp_path / "out", asked["window_s"], None, WANTED, force=False
        )
    assert told in str(raised.value) and "hush" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over_unless_it_is_asked_for(shop: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "learned.json").write_text("mine")
    with pytest.raises(ConfigurationError, match="is there already"):
        learn(shop, tmp_path / "out")
    assert (tmp_path / "out" / "learned.json").read_text() == "mine"
    learn(shop, tmp_path / "out", force=True)


def test_what_load_processes_load_has_neither_numpy_nor_the_room_of_learning() -> None:
    program = (
        "import sys, shapes.trace, shapes.flash_crowd\n"
        "print(sorted(name for name in sys.modules if name in ('numpy', 'scipy', 'harness.learn')))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_levels_that_nobody_can_make_are_scaled(tmp_path: Path) -> None:
    """A series may be one of bytes."""
    (tmp_path / "bytes.csv").write_text("time,level\n" + "".join(f"{60 * n},{3e9 + n}\n" for n in range(50)))
    learn(str(tmp_path / "bytes.csv"), tmp_path / "out")
    spike = (tmp_path / "out" / "learned_spike.py").read_text()
    assert "base = 300.0" in spike and "1e-07 times those of the series" in spike
    assert "trace_scale = 1e-07" in (tmp_path / "out" / "learned_replay.py").read_text()
