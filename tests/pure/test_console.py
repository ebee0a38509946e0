"""What a run shows while it goes: a screen that stays in its place whatever comes in between, plain lines, and JSON."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from rich.text import Text

from harness.live.state import LiveState
from harness.recording import ProbeSample
from harness.recording.marks import INJECTED, JOINED, LOST, FaultMark, NodeMark
from harness.run.console import Lines, Quiet, can_draw, display, screen_text
from harness.run.console.events import Events
from harness.run.console.in_place import HIDE_CURSOR, SHOW_CURSOR, InPlace
from harness.run.console.plan import ShownPlan, quiet_s
from harness.run.console.screen import Screen
from harness.run.level_chart import ASCII, BLOCKS
from harness.safe_text import say
from shapes._profile import Herd, Phase, Polyline, Profile
from tests import recordings

RECORDING = recordings.slow(20)
HEADER = RECORDING.header
GATE_S = HEADER.gates[0].t
PLAN = ShownPlan(
    "20261127T000000Z-login-herd",
    "login-herd",
    HEADER.target,
    Profile(
        tuple(Phase(each.name, each.start_s, each.end_s) for each in HEADER.phases),
        Polyline(()),
        Polyline(tuple(HEADER.level)),
        tuple(Herd(gate.gate, gate.t, gate.users) for gate in HEADER.gates),
        pool_users=510,
    ),
    Polyline(((0.0, 10.0), (91.0, 10.0))),
    "starts/s",
)


def live_until(t: float) -> LiveState:
    """As it is at ``t``, of a run that is slow for 20 s after its spike."""
    live = LiveState(HEADER)
    live.add(NodeMark(0.0, "local", JOINED))
    for line in sorted([*RECORDING.slices, *RECORDING.probes], key=lambda each: each.t):
        if line.t < t:
            live.add(line)
    list(live.close_seconds(t))
    return live


@dataclass
class Terminal(io.TextIOBase):
    """As much of one as is written to: it wraps long lines, and wraps them anew when its width changes."""

    width: int = 80
    height: int = 24
    lines: list[str] = field(default_factory=lambda: [""])
    row: int = 0
    """Of ``lines``."""
    column: int = 0
    written: str = ""
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("no descriptor")

    def write(self, text: str) -> int:
        self.written += text
        for found in re.finditer(r"(\x1b\[\??([\d;]*)([A-Za-z]))|(.)", text, re.DOTALL):
            sequence, number, final, letter = found.groups()
            if not sequence:
                self._letter(letter)
            elif final == "A":
                self._up(int(number or 1))
            elif final == "J":
                self.lines[self.row] = self.lines[self.row][: self.column]
                del self.lines[self.row + 1 :]
            else:
                assert final in "mhl", sequence
        return len(text)

    def _letter(self, letter: str) -> None:
        if letter == "\r":
            self.column = 0
        elif letter == "\n":
            self.row, self.column = self.row + 1, 0
            if self.row == len(self.lines):
                self.lines.append("")
        else:
            assert letter.isprintable(), ascii(letter)
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + letter + line[self.column + 1 :]
            self.column += 1

    def _up(self, rows: int) -> None:
        """Rows as they are seen; the cursor is at the beginning of one."""
        while rows > 0:
            assert self.row > 0, "above the first line"
            self.row -= 1
            rows -= max(1, -(-len(self.lines[self.row]) // self.width))
        assert rows == 0, "into the middle of a wrapped line"

    @property
    def shown(self) -> list[str]:
        return [line.rstrip() for line in self.lines if line.strip()]


@pytest.fixture
def attach(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """Makes standard error and output one, from within a test: pytest puts its own in place before. Without colours, so
    that it is easy to read.
    """
    return lambda: _attached(monkeypatch)


def _attached(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setattr(sys, "stdout", made)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(InPlace, "size", lambda _: (made.width - 1, made.height - 1))
    return made


def words(t: float | None, width: int = 100) -> list[str]:
    return [line.plain for line in screen_text.lines(PLAN, live_until(t or 0.0), t, width, BLOCKS)]


def row(lines: list[str], label: str) -> str:
    (found,) = [line for line in lines if line.startswith(label)]
    return found


def test_before_the_first_phase_it_says_how_many_are_ready() -> None:
    live = LiveState(HEADER)
    live.nodes.parked["local"] = 200
    (headline, ready) = screen_text.lines(PLAN, live, None, 100, BLOCKS)
    assert headline.plain == f"warm-up  login-herd against {HEADER.target}"
    assert ready.plain == "200 of 510 users parked"


def test_each_figure_is_that_of_the_last_second_that_is_known() -> None:
    """And its course reaches back as far as there is room; a spike shows in it."""
    shown = words(40.0)
    assert shown[0] == f"recovery 9 of 60 s  login-herd against {HEADER.target}"
    assert shown[1].endswith(" 40 of 91 s")
    newest = live_until(40.0).series.point(38)
    assert row(shown, "rate").split()[1] == str(newest.requests)
    assert newest.p95_s is not None
    assert row(shown, "p95").split()[1] == f"{newest.p95_s * 1000:.0f}"
    assert row(shown, "errors").split()[1] == "0.0%"
    assert row(shown, "level").split()[1:3] == ["10", "starts/s"]
    course = row(shown, "rate")[-39:]
    assert course.index("█") == GATE_S
    assert "MB (+" in row(shown, "memory")
    assert shown[-2].startswith("recovery 8 s since the spike, not back")


def test_alerts_faults_and_lost_load_processes_have_a_line_while_they_last() -> None:
    live = live_until(40.0)
    live.add(FaultMark(39.0, "noop", INJECTED, "nothing\x1b[2J", 1))
    live.add(NodeMark(39.0, "local", LOST))
    shown = [line.plain for line in screen_text.lines(PLAN, live, 40.0, 100, BLOCKS)]
    assert row(shown, "fault").endswith("noop: nothing\ufffd[2J")
    assert row(shown, "load").endswith("1 load processes, 1 lost")
    assert not [line for line in shown if line.startswith("alert")]


def test_the_recovery_clock_says_since_when_it_is_normal_again() -> None:
    assert not [line for line in words(31.5) if "since the spike" in line]
    assert words(36.0)[-2].startswith("recovery 4 s since the spike, not back")
    assert words(55.0)[-2].startswith("recovery 23 s since the spike, normal again after 20 s, if it stays so for 10 s")
    assert words(80.0)[-2].strip() == "recovery 48 s since the spike, normal again after 20 s"


@pytest.mark.parametrize("width", [1, 10, 36, 80, 200])
def test_at_any_width_nothing_is_wider_and_the_figures_come_first(width: int, attach: Callable[[], Terminal]) -> None:
    terminal = attach()
    terminal.width = width + 1
    screen = Screen(PLAN, live_until(40.0))
    screen.show(40.0)
    assert max(len(line) for line in terminal.shown) <= width
    if width >= 36:
        assert any(re.match(r"p95 +\d+ ms", line) for line in terminal.shown)
    screen.close()


def test_it_is_drawn_in_its_place_and_what_is_said_meanwhile_stays_above(attach: Callable[[], Terminal]) -> None:
    """Also what Locust logs, and prints; and a half line comes when it is whole."""
    terminal = attach()
    handler = logging.StreamHandler(terminal)
    logging.getLogger("locust").addHandler(handler)
    try:
        terminal.write("before\n")
        times = iter(range(100))
        screen = Screen(PLAN, live_until(40.0), lambda: float(next(times)))
        screen.show(38.0)
        height = len(terminal.shown)
        screen.tell("a fault came", {})
        logging.getLogger("locust").warning("of Locust")
        print("half ", end="")
        screen.show(39.0)
        print("a line")
        screen.show(40.0)
        assert terminal.shown[:4] == ["before", "springback: a fault came", "of Locust", "half a line"]
        assert len(terminal.shown) == height + 3
        assert terminal.shown[4].startswith("recovery 9 of 60 s")
        say("again")
        print("without an end", end="")
        screen.close()
        assert terminal.shown[4:] == ["springback: again", "without an end"]
        assert sys.stderr is terminal and sys.stdout is terminal and handler.stream is terminal
        print("after")
        assert terminal.shown[-1] == "after"
    finally:
        logging.getLogger("locust").removeHandler(handler)
    assert terminal.written.rindex(SHOW_CURSOR) > terminal.written.rindex(HIDE_CURSOR)


def test_a_window_that_is_resized_is_drawn_anew_in_the_same_place(attach: Callable[[], Terminal]) -> None:
    """Narrower: what was drawn has been wrapped. Lower: the first lines are there."""
    terminal = attach()
    terminal.write("before\n")
    screen = Screen(PLAN, live_until(40.0))
    for width, height in ((80, 24), (30, 24), (120, 24), (50, 4), (50, 1), (80, 24)):
        terminal.width, terminal.height = width, height
        screen.show(40.0)
        assert terminal.shown[0] == "before"
        assert [line.split()[0] for line in terminal.shown].count("recovery") <= 2
        assert len(terminal.shown) <= max(height, 2)
    screen.close()
    assert terminal.shown == ["before"]


def test_around_a_herd_nothing_is_drawn_and_otherwise_once_a_second(attach: Callable[[], Terminal]) -> None:
    """Drawing takes milliseconds of the process that releases the herd."""
    terminal = attach()
    now_s = [0.0]
    screen = Screen(PLAN, live_until(40.0), lambda: now_s[0])
    drawn = []
    for tick in range(280, 340):
        before, now_s[0] = len(terminal.written), tick / 10
        screen.show(tick / 10)
        drawn += [tick / 10] if len(terminal.written) > before else []
    assert not [t for t in drawn if quiet_s(PLAN.profile, t) is not None]
    assert 4 <= len(drawn) <= 8
    screen.close()


def test_while_users_get_ready_it_is_drawn_once_a_second_too(attach: Callable[[], Terminal]) -> None:
    terminal = attach()
    screen = Screen(PLAN, LiveState(HEADER), lambda: 0.0)
    screen.show(None)
    before = terminal.written
    for _ in range(20):
        screen.show(None)
    assert terminal.written == before
    screen.close()


def test_colours_only_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch, attach: Callable[[], Terminal]) -> None:
    terminal = attach()
    colour = re.compile(r"\x1b\[[\d;]*3\dm")
    InPlace(terminal).draw([Text("red", "red")])
    assert not colour.search(terminal.written)
    monkeypatch.delenv("NO_COLOR")
    InPlace(terminal).draw([Text("red", "red")])
    assert colour.search(terminal.written)


def test_where_there_is_no_terminal_or_a_dumb_one_there_are_lines(
    monkeypatch: pytest.MonkeyPatch, attach: Callable[[], Terminal]
) -> None:
    terminal = attach()
    assert can_draw()
    assert isinstance(display("auto", PLAN, LiveState(HEADER)), Screen)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(display("auto", PLAN, LiveState(HEADER)), Lines)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(terminal, "isatty", lambda: False)
    assert isinstance(display("auto", PLAN, LiveState(HEADER)), Lines)
    assert isinstance(display("quiet", PLAN, LiveState(HEADER)), Quiet)


def test_lines_are_one_for_each_phase(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(PLAN, LiveState(HEADER))
    for t in (None, -1.0, 0.2, 0.4, 30.2, 31.0, 50.0, 95.0):
        lines.show(t)
    lines.tell("a fault came", {"event": "fault"})
    assert capsys.readouterr().err.splitlines() == [
        "springback: warm-up 0 of 510 users parked",
        "springback: baseline (0–30 s of 91 s) 0 of 510 users parked",
        "springback: spike (30–31 s of 91 s) 0 of 510 users parked",
        "springback: recovery (31–91 s of 91 s) 0 of 510 users parked",
        "springback: drain 0 of 510 users parked",
        "springback: a fault came",
    ]


def test_a_phase_that_was_over_before_anybody_looked_is_told_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """A busy machine gives the master no turn for the second that a spike takes. Who has no warm-up is told of none."""
    lines, stream = Lines(PLAN, LiveState(HEADER)), io.StringIO()
    events = Events(PLAN, LiveState(HEADER), stream)
    for t in (2.0, 29.0, 33.0, 34.0):
        lines.show(t)
        events.show(t)
    said = [line.split()[1] for line in capsys.readouterr().err.splitlines()]
    assert said == ["baseline", "spike", "recovery"]
    assert [each["phase"] for each in events_of(stream) if each["event"] == "phase"] == said


def events_of(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line, parse_constant=lambda word: pytest.fail(word)) for line in stream.getvalue().splitlines()]


def test_events_are_one_document_a_line_and_each_second_is_told_once() -> None:
    stream = io.StringIO()
    events = Events(PLAN, live_until(95.0), stream)
    for tick in range(-5, 960):
        events.show(tick / 10)
    events.close()
    events.tell("alert\nx", {"event": "alert", "figure": float("inf")})
    told = events_of(stream)
    assert told[0]["event"] == "run"
    assert [phase["phase"] for phase in told[0]["phases"]] == [phase.name for phase in HEADER.phases]
    assert [each["phase"] for each in told if each["event"] == "phase"] == [
        *("warm-up", "baseline", "spike", "recovery", "drain")
    ]
    seconds = [each for each in told if each["event"] == "second"]
    assert [each["t"] for each in seconds] == list(range(91))
    assert sum(each["ok"] + each["failed"] for each in seconds) == sum(piece.count for piece in RECORDING.slices)
    assert max(each["made"] for each in seconds) == seconds[int(GATE_S)]["made"] == 510
    assert told[-1] == {"event": "alert", "figure": None, "text": "alert\nx"}


def test_a_reader_that_is_gone_ends_no_run() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(len(text))

    events = Events(PLAN, LiveState(HEADER), Gone())
    events.tell("x", {"event": "x"})
    place = InPlace(Gone())
    place.draw([Text("x")])
    place.clear()


def test_memory_is_that_of_all_sampled_processes_and_marks_are_plain_where_need_be() -> None:
    live = LiveState(HEADER)
    for t in range(10):
        for source in ("api1", "api2"):
            live.add(ProbeSample(t + 0.1, "process", source, {"rss_bytes": 1e8 + t * 1e6}))
    shown = [line.plain for line in screen_text.lines(PLAN, live, 10.0, 60, ASCII)]
    assert row(shown, "memory").startswith("memory   216 MB (+16)")
    assert all(line.isascii() for line in shown)
