"""Users of a feed with channels, against a server that says what a script says."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from locust import task
from locust.env import Environment

from harness.load.clock import Clock
from harness.load.node import Node
from harness.load.pacing import Start
from harness.load.present_node import set_node
from harness.load.run_plan import Plan
from harness.load.websocket import FeedUser, feed, handshake
from shapes._profile import ARRIVALS, Phase, Polyline
from tests.http.scripted import READ, scripted
from tests.load.test_websocket import KEY, OPEN, frame

OPTIONS = {
    "feed_path": "/feed?client={number}&channel={channel}",
    "channel_users": 5,
    "say_every_s": 0.1,
    "quiet_s": 0.0,
}


class Talker(FeedUser):
    abstract = True
    close_timeout_s = 0.2

    @task
    def nothing(self) -> None:
        """Locust wants one."""


@pytest.fixture(autouse=True)
def known_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "new_key", lambda: KEY)


@pytest.fixture
def users() -> Iterator[Callable[..., FeedUser]]:
    made: list[FeedUser] = []

    def one(host: str, *, herd: bool, **options: Any) -> FeedUser:
        """One of the herd, or of the others, in a run of a minute whose phase ``drop`` begins after half of it."""
        environment = Environment(parsed_options=SimpleNamespace(**{**OPTIONS, **options}))
        node = Node("run", Clock(exact=True))
        set_node(environment, node)
        environment.events.request.add_listener(node.recorder.on_request)
        phases = (Phase("baseline", 0, 30), Phase("drop", 30, 60))
        line = Polyline(((0, 0), (60, 0)))
        origin_s = time.monotonic()
        node.begin(Plan("run", origin_s, 60, ARRIVALS, line, None, (), 0, paced=False, drain_s=1, phases=phases))
        user: FeedUser = type("One", (Talker,), {"host": host, "abstract": True})(environment)
        gate: Any = object() if herd else None
        user.current_start = Start(0, origin_s, gate)
        made.append(user)
        return user

    yield one
    for user in made:
        user._close_sockets()


def said(*documents: dict[str, Any]) -> bytes:
    return b"".join(frame(json.dumps(document).encode()) for document in documents)


def counted(user: FeedUser) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for piece in user.node.recorder.drain("n"):
        found[piece.name, piece.outcome] += piece.count
    return found


def heard_by(seen: bytes) -> list[dict[str, Any]]:
    """What the server was told, without masks, up to the close frame."""
    rest, documents = seen.partition(b"\r\n\r\n")[2], []
    while rest and rest[0] == 0x81:
        length = rest[1] & 0x7F
        documents.append(json.loads(bytes(byte ^ rest[2 + i % 4] for i, byte in enumerate(rest[6 : 6 + length]))))
        rest = rest[6 + length :]
    return documents


HELLO = said({"type": "hello", "seq": None})


def test_who_looks_in_leaves_with_the_first_echo(users: Callable[..., FeedUser]) -> None:
    """Recorded as a connection of another name; in a channel of the others' own."""
    with scripted([READ, OPEN + HELLO, 0.2, said({"type": "echo", "seq": 1})]) as server:
        user = users(server.url, herd=False, say_every_s=30)
        began_s = time.monotonic()
        user.look_in(connection_name="canary")
        assert time.monotonic() - began_s < 5, "not until the next would be said"
        found = counted(user)
        assert found["message echo", "ok"] == found["connection canary opened", "ok"] == 1
        assert found["connection canary ended", "ok"] == 1 and user.connection is None
        (seen,) = server.seen()
    assert seen.startswith(b"GET /feed?client=0&channel=run-0-canary ")
    assert [document["seq"] for document in heard_by(seen)] == [1]


def test_an_echo_that_does_not_come_is_lost(users: Callable[..., FeedUser]) -> None:
    with scripted([READ, OPEN + HELLO]) as server:
        user = users(server.url, herd=False)
        user.look_in(connection_name="canary")
        assert counted(user)["message echo", "lost"] == 1


def test_who_is_not_greeted_says_nothing_to_a_service_that_speaks_otherwise(users: Callable[..., FeedUser]) -> None:
    with scripted([READ, OPEN + frame(b"welcome")]) as server:
        user = users(server.url, herd=True)
        talked(user, for_s=0.4)
        (seen,) = server.seen()
    found = counted(user)
    assert heard_by(seen) == [] and found["greeting /feed", "lost"] == 1
    assert found["message (unreadable)", "malformed message"] == 1
    assert not any(name.startswith("message") and outcome == "lost" for name, outcome in found)


def test_a_hello_that_is_missing_is_noted_once_unless_others_have_come(users: Callable[..., FeedUser]) -> None:
    """A service that speaks otherwise has not lost one on each of its connections."""
    for first, missing in ((b"", 1), (HELLO, 2)):
        with scripted([READ, OPEN + first], [READ, OPEN]) as server:
            user = users(server.url, herd=True)
            for _ in range(3):
                assert user.open()
                user.listen(time.monotonic() + 0.05)
                user.disconnect()
        assert counted(user)["greeting /feed", "lost"] == missing


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"feed_headers": ("Cookie",)}, "--feed-headers: each is NAME: VALUE"),
        ({"feed_headers": ("Connection: close",)}, "--feed-headers: header 'Connection' is the handshake's own"),
        ({"feed_subprotocols": ("a b",)}, "--feed-subprotocols: 'a b' is no name of one"),
        ({"first_pause_s": 5.0, "longest_pause_s": 1.0}, "--longest-pause-s 1 is less than --first-pause-s 5"),
    ],
)
def test_wrong_options_of_the_connection_are_said(options: dict[str, Any], words: str) -> None:
    given = SimpleNamespace(host="http://127.0.0.1:1", feed_path="/feed", processes=1, expect_workers=1, **options)
    (problem,) = feed.problems(given, connections=1)
    assert words in problem


def talked(user: FeedUser, for_s: float, until: str = "", times: int = 1) -> None:
    """Until its run is over: so long after it was connected, and not before so many of the name have been counted."""
    names: list[str] = []
    user.environment.events.request.add_listener(lambda request_type, name, **_: names.append(f"{request_type} {name}"))
    talking = gevent.spawn(user.stay_and_talk, quiet_before="drop")
    with gevent.Timeout(20):
        while user.connection is None:
            gevent.sleep(0.01)
        gevent.sleep(for_s)
        while until and names.count(until) < times:
            gevent.sleep(0.01)
    user.node.drain(still_answering=False)
    talking.join(20)
    assert talking.ready() and user.connection is None


def test_the_herd_talks_until_the_run_is_over(users: Callable[..., FeedUser]) -> None:
    """One of four messages is published, and comes back to those of the channel, the one who said it among them."""
    published = {"type": "published", "seq": 8, "client_seq": 1}
    delivery = {
        "type": "message",
        "seq": 8,
        "publish": {"sent_s": time.monotonic(), "channel": feed.stamp_of("run-0-0")},
    }
    hello = said({"type": "hello", "seq": 7})
    answers = said(published, delivery, *({"type": "echo", "seq": n} for n in (2, 3)))
    with scripted([READ, OPEN + hello, 1.0, answers]) as server:
        user = users(server.url, herd=True)
        talked(user, for_s=1.0, until="message echo", times=2)
        (seen,) = server.seen()
    assert seen.startswith(b"GET /feed?client=0&channel=run-0-0 ")
    documents = heard_by(seen)
    assert [document["seq"] for document in documents] == list(range(1, len(documents) + 1))
    assert [document["seq"] for document in documents if "publish" in document][:2] == [1, 5]
    found = counted(user)
    assert found["message broadcast", "ok"] == found["message published", "ok"] == 1
    assert found["message echo", "ok"] == 2
    answered_or_lost = sum(count for (name, _), count in found.items() if name in ("message echo", "message published"))
    assert answered_or_lost == len(documents) > 4


def test_what_is_meant_for_others_is_not_taken_for_ones_own(users: Callable[..., FeedUser]) -> None:
    """An echo of what somebody else said at the same turn, and a message of another channel under the number that is
    next in this one.
    """
    others = {"type": "message", "seq": 1, "publish": {"sent_s": time.monotonic(), "channel": feed.stamp_of("run-0-1")}}
    answers = said({"type": "echo", "seq": 2}, others)
    with scripted([READ, OPEN + said({"type": "hello", "seq": 0}), 0.5, answers]) as server:
        user = users(server.url, herd=True)
        user.number = 1
        talked(user, for_s=0.5, until="message broadcast")
        (seen,) = server.seen()
    numbers = [document["seq"] for document in heard_by(seen)]
    assert len(seen.partition(b"\r\n\r\n")[2]) < 132 * len(numbers), "a frame with a length of one byte is enough"
    assert numbers == [feed.NUMBERS_EACH + n for n in range(1, len(numbers) + 1)] and len(numbers) >= 2
    found = counted(user)
    assert found["message broadcast", "misdelivered"] == 1 and not found["message broadcast", "ok"]
    assert found["message echo", "doubled"] == 1 and not found["message echo", "ok"]


@pytest.mark.parametrize("path", ["/feed?client={number}", "/feed?client={number}&channel={channel}"])
def test_without_a_channel_in_the_path_or_in_a_message_it_is_for_everybody(
    users: Callable[..., FeedUser], path: str
) -> None:
    """A service that keeps of what is published only what it knows shows nothing of whose it is."""
    answer = said({"type": "message", "seq": 1, "publish": {"sent_s": time.monotonic()}})
    with scripted([READ, OPEN + said({"type": "hello", "seq": 0}), 0.2, answer]) as server:
        user = users(server.url, herd=True, feed_path=path)
        talked(user, for_s=0.2, until="message broadcast")
    assert counted(user)["message broadcast", "ok"] == 1


def test_nothing_is_said_shortly_before_the_drop(users: Callable[..., FeedUser]) -> None:
    """It is half a minute away."""
    for quiet_s, silent in ((20.0, False), (40.0, True)):
        with scripted([READ, OPEN + HELLO]) as server:
            talked(users(server.url, herd=True, quiet_s=quiet_s), for_s=0.3)
            (seen,) = server.seen()
        assert (heard_by(seen) == []) is silent


@pytest.mark.parametrize(("drop_in_s", "end_in_s", "silent"), [(-0.01, 9, True), (-5, 9, False), (-5, -0.01, True)])
def test_nothing_is_said_while_they_are_dropped_and_when_the_run_should_be_over(
    users: Callable[..., FeedUser], monkeypatch: pytest.MonkeyPatch, drop_in_s: float, end_in_s: float, silent: bool
) -> None:
    """On a busy machine both take a while, and what is said meanwhile is sent to those who do not listen any more."""
    with scripted([READ, OPEN + HELLO]) as server:
        user, now_s = users(server.url, herd=True), time.monotonic()
        monkeypatch.setattr(user, "phase_start_s", lambda _: now_s + drop_in_s)
        monkeypatch.setattr(user, "run_end_s", lambda: now_s + end_in_s)
        talked(user, for_s=0.3)
        (seen,) = server.seen()
    assert (heard_by(seen) == []) is silent


def test_what_was_under_way_at_the_end_is_not_lost(users: Callable[..., FeedUser]) -> None:
    with scripted([READ, OPEN + HELLO]) as server:
        user = users(server.url, herd=True, quiet_s=20.0)
        talked(user, for_s=0.3)
        assert not any(name.startswith("message") for name, _ in counted(user))


def test_an_answer_of_another_kind_refuses_the_message_that_it_names(users: Callable[..., FeedUser]) -> None:
    refusal = said({"type": "error", "error": "unavailable", "client_seq": 1}, {"type": "error", "error": "what?"})
    with scripted([READ, OPEN + HELLO, 0.3, refusal]) as server:
        user = users(server.url, herd=True, say_every_s=0.1)
        talked(user, for_s=0.3, until="message error")
        found = counted(user)
    assert found["message published", "refused"] == found["message error", "refused"] == 1


def test_what_keeps_users_from_connecting_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[tuple[int, int]] = []
    monkeypatch.setattr(feed, "shortage", lambda users, processes: wanted.append((users, processes)) or "too many")
    options = SimpleNamespace(host="", feed_path="feed", processes=-2, expect_workers=1)
    first, second = feed.problems(options, connections=900)
    assert first == "--feed-path feed: give a path that begins with /"
    assert (second, wanted) == ("too many", [(900, 2)])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answered HTTP 404; there is no WebSocket"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "answered HTTP 403; it wants a login"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", None),
        (OPEN, None),
    ],
)
def test_a_path_without_a_websocket_is_said_before_the_load(answer: bytes, words: str | None) -> None:
    """What may be otherwise in a moment is left to the run."""
    with scripted([READ, answer]) as server:
        options = SimpleNamespace(host=server.url, feed_path="/feed?{number}", processes=1, expect_workers=1)
        found = list(feed.problems(options, connections=1))
        (seen,) = server.seen()
    assert b"GET /feed?0 " in seen
    assert [words in each for each in found] == ([True] if words else []), found


def test_a_host_that_is_not_there_is_for_the_health_check() -> None:
    assert feed.handshake_refusal("http://127.0.0.1:1", "/feed") is None
    assert feed.handshake_refusal("", "/feed") is None
