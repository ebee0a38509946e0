"""What the scenarios to be copied make of a service that is connected and answers late, twice, or not at all."""

from __future__ import annotations

import runpy
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import engineio.packet as engine
import pytest
import socketio.packet as packets

import harness
from harness.commands.new import write
from tests.load.test_websocket import users as users  # the fixture

ROOT = Path(__file__).parents[2]
Made = Callable[[Path, str], Any]


@pytest.fixture
def made(users: Any, monkeypatch: pytest.MonkeyPatch) -> Made:
    """A user of a scenario, as if its handshake were over."""
    monkeypatch.setattr(harness, "attach", lambda *_, **__: None)

    def one(scenario: Path, user_class: str) -> Any:
        found = runpy.run_path(str(scenario))[user_class]
        user = users("http://127.0.0.1:9", **{name: value for name, value in vars(found).items() if name[:2] != "__"})
        user.send = lambda _: True
        user.on_open()
        return user

    return one


def counted(user: Any) -> Iterator[tuple[str, str]]:
    """What never came, by name and outcome."""
    for piece in user.node.recorder.drain("n"):
        yield from [(piece.name, piece.outcome)] * piece.count


def test_answers_are_those_to_the_oldest_question_and_silence_is_loss(tmp_path: Path, made: Made) -> None:
    """Each of a service that is 30 s behind would seem quick, were it taken for that to what was asked last."""
    scenario, *_ = write("spring-sale", "websocket", "http://127.0.0.1:8000", tmp_path)
    user = made(scenario, "Listener")
    now_s = time.monotonic()
    user.arrived_s = now_s
    user.asked_s.extend((now_s - 30, now_s - 29, now_s - 28, now_s - 0.5))
    user.on_message("pong")
    user.on_message("pong")
    assert [(name, round(latency_s)) for name, _, latency_s in user.seen] == [
        ("message answer", 30),
        ("message answer", 29),
    ]
    user.on_end(now_s)
    assert list(counted(user)) == [("message answer", "lost")], "what was asked half a second ago may be on its way"


def test_an_answer_that_nobody_waits_for_is_a_doubled_one(tmp_path: Path, made: Made) -> None:
    scenario, *_ = write("spring-sale", "websocket", "http://127.0.0.1:8000", tmp_path)
    user = made(scenario, "Listener")
    user.arrived_s = time.monotonic()
    user.asked_s.append(user.arrived_s - 1)
    for _ in range(2):
        user.on_message("pong")
    assert user.outcomes("message answer") == ["ok", "doubled"]


def said(packet_type: int, number: int | None = None) -> str:
    text: str = engine.Packet(engine.MESSAGE, packets.Packet(packet_type, id=number).encode()).encode()
    return text


def test_a_socket_io_service_that_lets_nobody_join_or_acknowledges_twice_is_seen(made: Made) -> None:
    user = made(ROOT / "examples" / "socketio_chat.py", "Chatter")
    user.on_end(user.opened_s + 0.5)
    assert not list(counted(user)), "it may have been on its way"
    user.on_end(user.opened_s + 5)
    assert list(counted(user)) == [("greeting /socket.io", "lost")]
    user.on_message(said(packets.CONNECT))
    user.say("say", {})
    user.arrived_s = time.monotonic()
    for _ in range(2):
        user.on_message(said(packets.ACK, user.last_id))
    assert user.outcomes("message say") == ["ok", "doubled"]
    user.on_end(user.opened_s + 5)
    assert not list(counted(user))
