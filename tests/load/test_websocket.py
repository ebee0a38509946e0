"""WebSocket users against servers that do as a script says: what goes wrong, and how it is called."""

from __future__ import annotations

import base64
import hashlib
import math
import socket
import time
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from locust import task
from locust.env import Environment

from harness.load.clock import Clock
from harness.load.node import Node
from harness.load.outcomes import outcome_of
from harness.load.pacing import Start
from harness.load.present_node import set_node
from harness.load.run_plan import Plan
from harness.load.websocket import WebSocketUser, connection, handshake
from shapes._profile import ARRIVALS, Phase, Polyline
from tests.http.conftest import Certificates
from tests.http.conftest import certificates as certificates  # the fixture
from tests.http.scripted import CLOSE, READ, RESET, scripted

KEY = base64.b64encode(bytes(16)).decode()
ACCEPT = base64.b64encode(hashlib.sha1(f"{KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
OPEN = SWITCH + ACCEPT + b"\r\n\r\n"
Step = bytes | float | str


def frame(data: bytes, opcode: int = 1, fin: bool = True, reserved: int = 0) -> bytes:
    return bytes((fin << 7 | reserved << 4 | opcode, len(data))) + data


class Listener(WebSocketUser):
    abstract = True
    first_pause_s = 0.05
    connect_timeout_s = 20.0
    close_timeout_s = 0.5
    stable_s = 0.1

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.heard: list[str | bytes] = []
        self.seen: list[tuple[str, str, float]] = []
        environment.events.request.add_listener(self.keep)

    def on_message(self, message: str | bytes) -> None:
        self.heard.append(message)

    def keep(self, request_type: str, name: str, exception: Any, response: Any, **more: Any) -> None:
        intended_s = more["sent_s"] if more["intended_s"] is None else more["intended_s"]
        self.seen.append((f"{request_type} {name}", outcome_of(exception, response), more["done_s"] - intended_s))

    def outcomes(self, name: str) -> list[str]:
        return [outcome for seen, outcome, _ in self.seen if seen == name]

    @task
    def nothing(self) -> None:
        """Locust wants one."""


@pytest.fixture(autouse=True)
def known_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "new_key", lambda: KEY)


@pytest.fixture
def users() -> Iterator[Any]:
    made: list[Listener] = []

    def one(host: str, **attributes: Any) -> Listener:
        environment = Environment()
        node = Node("run", Clock(exact=True))
        set_node(environment, node)
        line = Polyline(((0, 0), (60, 0)))
        phases = (Phase("drop", 5, 60),)
        plan = Plan("run", time.monotonic(), 60, ARRIVALS, line, None, (), 0, paced=False, drain_s=1, phases=phases)
        node.begin(plan)
        kind = type("One", (Listener,), {"host": host, "abstract": True, **attributes})
        made.append(kind(environment))
        return made[-1]

    yield one
    for user in made:
        user._close_sockets()


def hear(user: Any, messages: int) -> None:
    """Listens until so many have come, and for a moment longer."""
    with gevent.Timeout(20):
        while len(user.heard) < messages:
            user.listen(time.monotonic() + 0.05)
    user.listen(time.monotonic() + 0.05)


def come_back(user: Any) -> None:
    """Stays until it is connected again."""
    with gevent.Timeout(20):
        while not user.outcomes("WS /feed reconnect"):
            user.stay_connected(time.monotonic() + 0.05)


HANDSHAKES: dict[str, tuple[list[Step], str]] = {
    "answers 200": ([READ, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"], "http 200"),
    "answers 404": ([READ, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"], "http 404"),
    "answers 426": ([READ, b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: h2c\r\n\r\n", CLOSE], "http 426"),
    "redirects": ([READ, b"HTTP/1.1 302 Found\r\nLocation: ws://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"], "http 302"),
    "hangs up": ([READ, CLOSE], "cut off"),
    "resets": ([READ, RESET], "connection reset"),
    "never answers": ([READ], "timeout"),
    "half an answer": ([READ, SWITCH], "timeout"),
    "a wrong key": ([READ, SWITCH + b"bm9uc2Vuc2U=\r\n\r\n"], "protocol error"),
    "half an answer, then the end": ([READ, SWITCH, CLOSE], "cut off"),
    "no HTTP": ([READ, b"\x15\x03\x03\x00\x02\x02\x46\r\n\r\n", CLOSE], "protocol error"),
}


@pytest.mark.parametrize("case", HANDSHAKES)
def test_a_handshake_that_fails_is_counted_by_its_cause(users: Any, case: str) -> None:
    steps, outcome = HANDSHAKES[case]
    with scripted(steps) as server:
        user = users(server.url, **({"connect_timeout_s": 0.5} if outcome == "timeout" else {}))
        began_s = time.monotonic()
        assert not user.open()
        assert time.monotonic() - began_s < 5
        assert user.outcomes("WS /feed connect") == [outcome]
        assert user.connection is None and not user.outcomes("connection /feed opened")


def test_what_a_start_has_waited_for_a_user_is_no_time_of_the_servers(users: Any) -> None:
    """The wait is in the latency, and in no deadline: 20 s after it was due a start connects as any other."""
    with scripted([READ, OPEN]) as server:
        user = users(server.url)
        user.current_start = Start(0.0, time.monotonic() - 20)
        assert user.open()
        assert user.outcomes("WS /feed connect") == ["ok"]


def test_nothing_listens(users: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        user = users(f"http://127.0.0.1:{free.getsockname()[1]}")
        assert not user.open()
    assert user.outcomes("WS /feed connect") == ["connection refused"]


def test_tls_where_there_is_none_and_none_where_there_is(users: Any, certificates: Certificates) -> None:
    """And the good case: encrypted, with a certificate that is verified."""
    pair = (certificates.certificate, certificates.key)
    with scripted([b"HTTP/1.1 400 Plain\r\n\r\n"]) as server:
        user = users(server.url.replace("http", "https"))
        assert not user.open() and user.outcomes("WS /feed connect") == ["tls"]
    with scripted([READ], tls=pair) as server:
        user = users(server.url)
        assert not user.open()
        assert user.outcomes("WS /feed connect")[0] in ("cut off", "connection reset", "protocol error")
    with scripted([READ, OPEN + frame(b"hello")], tls=pair) as server:
        user = users(f"https://localhost:{server.port}", ca_file=certificates.ca)
        assert user.open()
        hear(user, 1)
        assert user.heard == ["hello"]


ENDS: dict[str, tuple[list[Step], str]] = {
    "a reserved bit": ([frame(b"x", reserved=4)], "protocol error"),
    "an unknown opcode": ([frame(b"x", opcode=5)], "protocol error"),
    "text that is no UTF-8": ([frame(b"\xff\xfe")], "protocol error"),
    "half a frame, then the end": ([b"\x81\x7eab", CLOSE], "cut off"),
    "no close frame": ([CLOSE], "cut off"),
    "a reset": ([0.1, RESET], "connection reset"),
    "try again later": ([frame((1013).to_bytes(2), opcode=8)], "closed 1013"),
    "no reason": ([frame(b"", opcode=8)], "closed 1005"),
    "a length of petabytes": ([b"\x81\x7f\x00\x0f\x00\x00\x00\x00\x00\x00abc"], "message too large"),
}


@pytest.mark.parametrize("case", ENDS)
def test_a_connection_that_ends_without_our_asking_says_why(users: Any, case: str) -> None:
    steps, outcome = ENDS[case]
    with scripted([READ, OPEN + frame(b"first"), *steps]) as server:
        user = users(server.url)
        assert user.open()
        user.listen(time.monotonic() + 20)
        assert user.heard == ["first"]
        assert user.outcomes("connection /feed ended") == [outcome]
        assert user.connection is None


def test_messages_come_whole_however_they_are_cut(users: Any) -> None:
    """Byte by byte, several in one piece, and one in fragments with a ping between them; the ping is answered."""
    whole = OPEN + frame(b"one") + frame("zwölf".encode())
    parts = frame(b"in ", fin=False) + frame(b"you?", opcode=9) + frame(b"parts", opcode=0) + frame(b"\x00\x01", 2)
    steps: list[Step] = [READ, *(bytes([byte]) for byte in whole), parts]
    with scripted(steps) as server:
        user = users(server.url)
        assert user.open()
        hear(user, 4)
        assert user.heard == ["one", "zwölf", "in parts", b"\x00\x01"]
        (seen,) = server.seen()
        pong = seen.partition(b"\r\n\r\n")[2]
        assert pong[0] == 0x8A and bytes(byte ^ pong[2 + i % 4] for i, byte in enumerate(pong[6:])) == b"you?"


def test_it_comes_back_and_the_time_counts_from_the_loss(users: Any) -> None:
    """Refused once, then there again: the failed attempt is counted under a name of its own."""
    refused: list[Step] = [READ, b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", CLOSE]
    with scripted([READ, OPEN, frame((1012).to_bytes(2), opcode=8)], refused, [READ, OPEN]) as server:
        user = users(server.url)
        assert user.open()
        began_s = time.monotonic()
        come_back(user)
        assert user.outcomes("WS /feed connect") == user.outcomes("WS /feed reconnect") == ["ok"]
        assert user.outcomes("attempt /feed reconnect") == ["http 503"]
        assert user.outcomes("connection /feed opened") == ["ok", "ok"]
        took_s = next(took_s for name, _, took_s in user.seen if name == "WS /feed reconnect")
        failed_s = next(took_s for name, _, took_s in user.seen if name == "attempt /feed reconnect")
        assert failed_s < took_s <= time.monotonic() - began_s


KICK: list[Step] = [READ, OPEN, frame((1008).to_bytes(2), opcode=8), CLOSE]


def test_a_handshake_is_no_return_until_the_connection_has_stayed(users: Any) -> None:
    """Kicked twice after the handshake: the time goes on from the first loss, and so do the pauses."""
    with scripted(KICK, KICK, KICK, [READ, OPEN]) as server:
        user = users(server.url)
        assert user.open()
        began_s = time.monotonic()
        come_back(user)
        assert user.outcomes("attempt /feed reconnect") == ["kicked", "kicked"]
        assert user.outcomes("WS /feed reconnect") == ["ok"]
        assert user.outcomes("connection /feed ended") == ["closed 1008", "kicked, closed 1008", "kicked, closed 1008"]
        took_s = next(took_s for name, _, took_s in user.seen if name == "WS /feed reconnect")
        assert took_s <= time.monotonic() - began_s - user.stable_s, "it was back at the handshake that lasted"
        assert user._reconnection.pause_s == user.first_pause_s, "only then the next pause is a first one again"


def test_an_answer_brings_a_user_back_at_once_and_a_greeting_does_not(users: Any) -> None:
    greeting, answer = frame(b"hello"), frame(b"yes")
    lost: list[Step] = [READ, OPEN, CLOSE]
    with scripted(lost, [READ, OPEN, greeting, READ, answer]) as server:
        user = users(server.url, stable_s=60.0)
        assert user.open()
        with gevent.Timeout(20):
            while "hello" not in user.heard:
                user.stay_connected(time.monotonic() + 0.05)
        assert user.outcomes("WS /feed reconnect") == []
        assert user.send("there?")
        assert user._reconnection.unproven is not None and user._reconnection.unproven.asked_s < math.inf


def test_the_pauses_of_a_user_that_is_kicked_grow(users: Any) -> None:
    with scripted(*[KICK] * 6, [READ, OPEN]) as server:
        user = users(server.url, first_pause_s=0.01)
        assert user.open()
        with gevent.Timeout(20):
            while len(user.outcomes("attempt /feed reconnect")) < 4:
                user.stay_connected(time.monotonic() + 0.01)
        assert user._reconnection.pause_s >= 0.01 * 2**4


def test_a_cut_is_ours_and_the_time_counts_from_its_instant(users: Any) -> None:
    with scripted([READ, OPEN], [READ, OPEN]) as server:
        user = users(server.url)
        assert user.open()
        cut_s = time.monotonic() + 0.1
        user.abort_at(cut_s)
        come_back(user)
        assert user.outcomes("connection /feed ended") == ["ok"]
        assert user.outcomes("WS /feed reconnect") == ["ok"]


def test_a_cut_in_a_phase_lies_in_its_first_second(users: Any) -> None:
    """The phase begins 5 s after the beginning. A run without such a phase cuts nobody."""
    user = users("http://127.0.0.1:1")
    user.abort_in("drop")
    assert 5 < user._abort_s - user.node.instant_s(0) < 5.1
    user.abort_in("nowhere")
    assert user._abort_s == math.inf


def test_the_end_of_the_run_wakes_everybody(users: Any) -> None:
    """Who waits for a message says goodbye; who waits to come back is counted as not back."""
    with scripted([READ, OPEN]) as server:
        user = users(server.url)
        assert user.open()
        staying = gevent.spawn(lambda: (user.stay_connected(math.inf), user.disconnect()))
        gevent.sleep(0.1)
        user.node.drain(still_answering=False)
        staying.join(20)
        assert staying.ready() and user.outcomes("connection /feed ended") == ["ok"]
        (seen,) = server.seen()
        goodbye = seen.partition(b"\r\n\r\n")[2]
        assert goodbye[0] == 0x88, "a close frame"
        assert bytes(byte ^ goodbye[2 + i % 4] for i, byte in enumerate(goodbye[6:8])) == (1000).to_bytes(2)
    away = users("http://127.0.0.1:1", first_pause_s=0.05, longest_pause_s=30.0)
    assert not away.open()
    coming = gevent.spawn(away.stay_connected, math.inf)
    gevent.sleep(0.3)
    away.node.drain(still_answering=False)
    coming.join(20)
    assert coming.ready() and coming.value is False
    counted = {(piece.name, piece.outcome): piece.count for piece in away.node.recorder.drain("node")}
    assert counted["WS /feed reconnect", "unfinished"] == 1


def test_a_message_that_the_scenario_cannot_read_is_counted(users: Any) -> None:
    def puzzled(_: Listener, message: str) -> None:
        raise KeyError(message)

    with scripted([READ, OPEN + frame(b"{}")]) as server:
        user = users(server.url, on_message=puzzled)
        assert user.open()
        with gevent.Timeout(20):
            while not user.outcomes("message (unreadable)"):
                user.listen(time.monotonic() + 0.05)
        assert user.outcomes("message (unreadable)") == ["malformed message"]


def test_a_ping_is_answered_while_the_user_is_busy_and_messages_have_their_own_instants(users: Any) -> None:
    with scripted([READ, OPEN, 0.1, frame(b"you?", opcode=9) + frame(b"one"), 0.1, frame(b"two")]) as server:
        user = users(server.url)
        came_s: list[float] = []
        user.on_message = lambda _: came_s.append(user.arrived_s)
        assert user.open()
        began_s = time.monotonic()
        with gevent.Timeout(10):
            while len(user.connection._unread or ()) < 2:
                gevent.sleep(0.02)
        (seen,) = server.seen()
        assert seen.partition(b"\r\n\r\n")[2][0] == 0x8A, "a pong, of a user who has not listened yet"
        busy_until_s = time.monotonic()
        user.listen(busy_until_s)
        assert len(came_s) == 2 and began_s < came_s[0] < came_s[1] < busy_until_s


def test_who_does_not_take_what_comes_gets_all_of_it_later(users: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one piece, so that nothing more makes the socket readable; and the end comes after the messages."""
    monkeypatch.setattr(connection, "MOST_UNREAD", 3)
    many = b"".join(frame(b"%d" % k) for k in range(10))
    with scripted([READ, OPEN + many + frame((1001).to_bytes(2), opcode=8), CLOSE]) as server:
        user = users(server.url)
        assert user.open()
        with gevent.Timeout(20):
            while len(user.connection._unread or ()) < 3:
                gevent.sleep(0.01)
        gevent.sleep(0.1)
        assert len(user.connection._unread) == 3
        assert user.send("anybody?"), "what came first is to be taken first"
        user.listen(time.monotonic() + 20)
    assert user.heard == [str(k) for k in range(10)]
    assert user.outcomes("connection /feed ended") == ["closed 1001"]


def test_what_came_with_the_handshake_is_read_in_a_long_turn_as_well(
    users: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = iter([True])  # later turns are not
    monkeypatch.setattr(connection, "turn_is_long", lambda: next(long, False))
    with scripted([READ, OPEN + frame(b"hello")]) as server:
        user = users(server.url)
        assert user.open()
        hear(user, 1)
        assert user.heard == ["hello"]


def test_the_round_trip_of_a_ping_is_measured_and_one_without_an_answer_ends_the_connection(users: Any) -> None:
    pong = frame(b"1", opcode=10)
    with scripted([READ, OPEN, 0.5, pong], [READ, OPEN]) as server:
        user = users(server.url, ping_every_s=0.05, ping_timeout_s=2.0)
        began_s, ponged_s = time.monotonic(), math.inf
        assert user.open()
        with gevent.Timeout(20):
            while not user.outcomes("connection /feed ended"):
                user.listen(time.monotonic() + 0.1)
                if user.outcomes("ping /feed"):
                    ponged_s = min(ponged_s, time.monotonic())
        assert user.outcomes("ping /feed") == ["ok"]
        assert 0 < next(took_s for name, _, took_s in user.seen if name == "ping /feed") < ponged_s - began_s
        assert user.outcomes("connection /feed ended") == ["no pong"]
        counts = {(piece.name, piece.outcome): piece.count for piece in user.node.recorder.drain("n")}
        assert counts["ping /feed", "no pong"] == 1


def test_a_connection_that_the_scenario_gives_up_is_lost_and_made_again(users: Any) -> None:
    with scripted([READ, OPEN], [READ, OPEN]) as server:
        user = users(server.url)
        assert user.open()
        user.give_up("no heart-beat")
        assert user.outcomes("connection /feed ended") == ["no heart-beat"]
        come_back(user)
        user.disconnect()
        user.give_up("no heart-beat")
    assert user.outcomes("connection /feed ended") == ["no heart-beat", "ok"], "there was none any more"


def test_headers_and_the_subprotocol_of_the_class_are_in_the_handshake(users: Any) -> None:
    chosen = OPEN.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: v2.own\r\n\r\n")
    with scripted([READ, chosen], [READ, OPEN], [READ, chosen]) as server:
        offers = {"subprotocols": ("v1.own", "v2.own"), "headers": {"authorization": "Bearer t", "Origin": "http://o"}}
        user = users(server.url, **offers)
        assert user.open() and user.subprotocol == "v2.own"
        refused = users(server.url, **offers)
        assert not refused.open() and refused.outcomes("WS /feed connect") == ["no subprotocol"]
        unasked = users(server.url)
        assert not unasked.open() and unasked.outcomes("WS /feed connect") == ["protocol error"]
        first, _, third = server.seen()
    for line in (b"authorization: Bearer t", b"Sec-WebSocket-Protocol: v1.own, v2.own", b"Origin: http://o"):
        assert line in first and line not in third
    assert first.lower().count(b"origin:") == 1


def test_cookies_of_a_user_come_back_with_its_next_handshake(users: Any) -> None:
    sticky = OPEN.replace(b"\r\n\r\n", b"\r\nSet-Cookie: at=a1; Path=/\r\nSet-Cookie: b=2; Path=/x\r\n\r\n")
    with scripted([READ, sticky, CLOSE], [READ, OPEN]) as server:
        user = users(server.url)
        user.cookies.set("session", "s1")
        assert user.open()
        with gevent.Timeout(10):
            while len(user.outcomes("connection /feed opened")) < 2:
                user.stay_connected(time.monotonic() + 0.1)
        first, second = server.seen()
    assert b"Cookie: session=s1\r\n" in first and b"Cookie: session=s1; at=a1\r\n" in second


@pytest.mark.parametrize(
    ("policy", "lowest", "highest"),
    [
        ({"reconnect": "fixed", "jitter": "none"}, [0.5] * 4, [0.5] * 4),
        ({"reconnect": "exponential", "jitter": "none"}, [0.5, 1, 2, 3], [0.5, 1, 2, 3]),
        ({"reconnect": "exponential", "jitter": "equal"}, [0.25, 0.5, 1, 1.5], [0.5, 1, 2, 3]),
        ({"reconnect": "exponential", "jitter": "full"}, [0] * 4, [0.5, 1, 2, 3]),
    ],
)
def test_the_pauses_are_those_of_the_policy(
    users: Any, policy: dict[str, str], lowest: list[float], highest: list[float]
) -> None:
    pauses: list[list[float]] = []
    for _ in range(200):
        reconnection = users("http://127.0.0.1:1", first_pause_s=0.5, longest_pause_s=3.0, **policy)._reconnection
        pauses.append([reconnection.next_pause_s() for _ in range(4)])
    for nth, low, high in zip(zip(*pauses, strict=True), lowest, highest, strict=True):
        assert low <= min(nth) <= max(nth) <= high
        assert min(nth) <= low + 0.1 * (high - low) and max(nth) >= high - 0.1 * (high - low), "all of the range"


def test_who_does_not_come_back_says_so_and_has_an_end(users: Any) -> None:
    with scripted([READ, OPEN, CLOSE]) as server:
        user = users(server.url, reconnect="none")
        assert user.open()
        assert user.stay_connected(time.monotonic() + 10) is False
    assert user.outcomes("attempt /feed reconnect") == ["not tried"]
    assert user.outcomes("connection /feed ended") == ["cut off"] and not user.outcomes("WS /feed reconnect")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a policy": ({"reconnect": "always"}, "reconnect = 'always': give one of none, fixed, exponential"),
    "a jitter": ({"jitter": True}, "jitter = True: give one of none, equal, full"),
    "a time": ({"ping_timeout_s": 0}, "ping_timeout_s = 0: give a number of seconds, above 0"),
    "no number": ({"stable_s": math.nan}, "stable_s = nan: give a number of seconds, 0 or more"),
    "pauses": ({"first_pause_s": 20}, "longest_pause_s = 10 is less than first_pause_s = 20"),
    "one name": ({"subprotocols": "stomp"}, "subprotocols = 'stomp': give a tuple of names"),
    "no name": ({"subprotocols": ("a b",)}, "subprotocols: 'a b' is no name of one"),
    "twice": ({"subprotocols": ("a", "a")}, "name each once"),
    "no headers": ({"headers": ["a"]}, "headers: give a dictionary of text"),
    "its own": ({"headers": {"Sec-WebSocket-Key": "x"}}, "header 'Sec-WebSocket-Key' is the handshake's own"),
    "a line break": ({"headers": {"X-Token": "secret\r\nX: y"}}, "headers: 'X-Token' cannot be sent"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_attribute_is_said_before_the_run(case: str) -> None:
    attributes, words = WRONG[case]
    kind = type("Mine", (Listener,), {"abstract": True, **attributes})
    (problem,) = kind.conflicts()
    assert problem.startswith("Mine.") and words in problem and "secret" not in problem


def test_cookies_of_one_user_are_not_sent_by_another(users: Any) -> None:
    """A load balancer with sticky cookies would send everybody to one place."""
    sticky = OPEN.replace(b"\r\n\r\n", b"\r\nSet-Cookie: at=a1; Domain=localhost\r\n\r\n")
    with scripted([READ, sticky], [READ, OPEN]) as server:
        for _ in range(2):
            assert users(f"http://localhost:{server.port}").open()
        assert not any(b"cookie" in seen.lower() for seen in server.seen())
