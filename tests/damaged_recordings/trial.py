"""Each is dumped, read, judged and reported, and what became of them is counted."""

from __future__ import annotations

import contextlib
import io
import random
import signal
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from unittest import mock

import reports
from harness import plugins
from harness.commands.dump import readable
from harness.findings import Outcome, Verdict
from harness.recording import Recording
from harness.recording.file import RecordingError, parse
from harness.safe_text import safe
from harness.verdict import judge
from reports import terminal
from tests.damaged_recordings.bases import bases
from tests.damaged_recordings.ways import Damaged, damaged

HANGS_S = 8.0
"""Of CPU time: whatever else this machine does is no hang."""
PAGE, TERMINAL = "html", "terminal"


@dataclass
class Seen:
    """What became of them."""

    number: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    crashed: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    passed_falsely: list[str] = field(default_factory=list)
    """Of recordings with seals."""
    passed_unseen: list[str] = field(default_factory=list)
    """The same of older ones, and where the seals were made anew: a digit that was altered in them shows nowhere."""
    worst_s: float = 0.0
    worst: str = ""

    def __str__(self) -> str:
        ended = ", ".join(f"{count} {how}" for how, count in self.ended.most_common())
        return (
            f"{self.number} damaged recordings: {ended}; {len(self.crashed)} crashed, {len(self.hung)} took more than "
            f"{HANGS_S:.0f} s of CPU, {len(self.passed_falsely)} passed falsely (damage that no seal shows: "
            f"{len(self.passed_unseen)}); the slowest took {self.worst_s:.2f} s ({self.worst})"
        )


class _HungError(BaseException):
    """No Exception, so that no criterion can catch it."""


def try_one(case: Damaged, seen: Seen, formats: tuple[str, ...]) -> None:
    """Reads, judges and reports it."""
    seen.number += 1
    began_s = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, HANGS_S)
    try:
        verdict = _through(case, formats)
    except _HungError:
        seen.hung.append(case.how)
        return
    except RecordingError:
        verdict = None
    except Exception:
        seen.crashed.append(f"{case.how}\n{traceback.format_exc(limit=-4)}")
        return
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    took_s = time.process_time() - began_s
    if took_s > seen.worst_s:
        seen.worst_s, seen.worst = took_s, case.how
    if verdict is None:
        seen.ended["refused"] += 1
        return
    seen.ended[verdict.outcome.value] += 1
    crashed = [each for each in verdict.findings if "the criterion crashed" in each.reason]
    seen.crashed += [f"{case.how}\n{each.criterion}: {each.reason}" for each in crashed]
    if verdict.outcome is Outcome.PASS and case.must_not_pass:
        (seen.passed_falsely if case.is_seen else seen.passed_unseen).append(case.how)


def _through(case: Damaged, formats: tuple[str, ...]) -> Verdict:
    for line in set(case.lines).difference(case.base.lines):
        _require_clean("".join(readable(line)))
    recording = parse(case.lines, "damaged")
    verdict = judge(recording)
    for name in formats:
        _report(name, recording, verdict)
    return verdict


def _report(name: str, recording: Recording, verdict: Verdict) -> None:
    if name != TERMINAL:
        reports.formats((name,))[name].render(recording, verdict).encode(errors="replace")
        return
    printed = io.StringIO()
    terminal.show(recording, verdict, (), printed)
    _require_clean(printed.getvalue())


def _require_clean(text: str) -> None:
    if safe(text) != text or "\r" in text:
        raise ValueError(f"a control character is printed: {text[:200]!a}")


def _on_alarm(*_: object) -> None:
    raise _HungError


@contextlib.contextmanager
def _prepared() -> Iterator[None]:
    """The alarm is ours; and no plug-in comes or goes meanwhile, which is otherwise looked for dozens of times a
    verdict: a fifth of all time.
    """
    before = signal.signal(signal.SIGPROF, _on_alarm)
    try:
        with mock.patch.object(plugins, "_changed_ns", cache(plugins._changed_ns)):
            yield
    finally:
        signal.signal(signal.SIGPROF, before)


def try_many(number: int, seed: int, page_every: int, kept: bool = True) -> Seen:
    """``page_every`` 0: none is drawn as a page."""
    quick = (TERMINAL, *(name for name in reports.available() if name != PAGE))
    seen = Seen()
    with _prepared(), contextlib.suppress(KeyboardInterrupt):  # what has been seen by then is printed
        cases = damaged(random.Random(seed), bases(kept))
        for index in range(number):
            page = (PAGE,) if page_every and index % page_every == 0 else ()
            try_one(next(cases), seen, (quick[index % len(quick)], *page))
    return seen
