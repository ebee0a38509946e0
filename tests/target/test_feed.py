"""The feed: echoes, broadcasts across processes, and what its faults do to them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from target.errors import UsageError
from target.faults import folder
from target.faults.share import Share
from tests.target.feeds import Client, tiny_buffers
from tests.target.stacks import Stack, until
from tests.target.test_service import metric


@pytest.fixture
def everywhere(healthy: Stack) -> Iterator[list[Client]]:
    """Three clients of each API process, six in all."""
    clients = [
        Client(healthy, f"{api.name}-{number}", url=api.url) for api in healthy.state.apis for number in range(3)
    ]
    yield clients
    for client in clients:
        client.close()


def connections(stack: Stack) -> float:
    return sum(metric(api.url, "target_feed_connections") for api in stack.state.apis)


def test_a_message_is_echoed_to_its_sender_alone(stack: Stack) -> None:
    """Through the proxy, with everything that was in it."""
    one, other = Client(stack, "one"), Client(stack, "other")
    one.send(seq=7, client="one", echo={"deep": [1]})
    echo = one.next()
    assert (echo.pop("type"), echo.pop("server")[:3]) == ("echo", "api")
    assert echo == {"seq": 7, "client": "one", "echo": {"deep": [1]}}
    other.send(seq=1)
    assert other.next()["seq"] == 1
    one.close()
    other.close()


def test_a_broadcast_reaches_every_client_of_every_process_in_order(everywhere: list[Client]) -> None:
    """20 from two publishers in different processes: six clients see the same 20 numbers, without a gap."""
    publishers = everywhere[0], everywhere[-1]
    for number in range(10):
        for publisher in publishers:
            publisher.send(seq=number, publish={"n": number})
    last = max([publisher.until("published")["seq"] for _ in range(10) for publisher in publishers])
    for client in everywhere:
        client.socket.settimeout(5)
    got: dict[Client, list[dict[str, Any]]] = {client: [] for client in everywhere[1:-1]}
    for client, messages in got.items():
        while not messages or messages[-1]["seq"] < last:
            messages.append(client.next())
        assert [message["seq"] for message in messages] == list(range(last - 19, last + 1))
        assert all(message["channel"] == "main" for message in messages)
    assert sorted(message["client_seq"] for message in messages) == sorted([*range(10)] * 2)


def test_channels_do_not_hear_each_other(stack: Stack) -> None:
    """And each has its own numbers."""
    a, b = Client(stack, "a", channel="quiet-a"), Client(stack, "b", channel="quiet-b")
    a.send(publish=1)
    assert {a.next()["type"], a.next()["type"]} == {"message", "published"}
    b.send(seq=5)
    assert b.next()["type"] == "echo"
    b.send(publish=1)
    assert b.until("published")["seq"] == 1
    late = Client(stack, "c", channel="quiet-a", url=stack.state.apis[0].url)
    assert late.hello["seq"] == 1
    for client in (a, b, late):
        client.close()


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 10_000])
def test_what_is_no_message_is_answered_with_an_error(stack: Stack, text: str) -> None:
    """The connection stays."""
    client = Client(stack, "odd")
    client.socket.send(text)
    assert client.next()["type"] == "error"
    client.socket.send_binary(b"{}")
    assert client.next()["type"] == "error"
    client.send(seq=1)
    assert client.next()["type"] == "echo"
    client.close()


def test_the_connection_count_follows_the_connections(stack: Stack) -> None:
    """Up with each, down again when they leave, politely or not."""
    until(lambda: connections(stack) == 0, "no connection at first")
    clients = [Client(stack, f"c{number}") for number in range(10)]
    until(lambda: connections(stack) == 10, "10 connections")
    assert min(metric(api.url, "target_feed_connections") for api in stack.state.apis) == 5  # leastconn
    for client in clients[:5]:
        client.close()
    for client in clients[5:]:
        client.socket.shutdown()
    until(lambda: connections(stack) == 0, "no connection at last")


def test_a_client_that_does_not_read_is_dropped_and_counted(stack: Stack) -> None:
    """Its queue fills up; the publisher, who reads, goes on."""
    url = stack.state.apis[0].url
    before = metric(url, 'target_feed_closed_total{by="slow"}')
    slow = tiny_buffers(stack, "slow")
    publisher = Client(stack, "quick", channel="slow", url=url)
    sent = 0
    while metric(url, 'target_feed_closed_total{by="slow"}') == before:
        for _ in range(100):
            publisher.send(publish="x" * 30_000)
            publisher.until("published")
        sent += 100
        assert sent <= 2000
    until(lambda: metric(url, "target_feed_connections") == 1, "only the publisher is left")
    publisher.close()
    slow.shutdown()


def test_without_valkey_echoes_go_on_and_broadcasts_come_back(stack: Stack) -> None:
    """A frozen Valkey: publishing says who is away; after it, everybody hears everything again."""
    clients = [Client(stack, "a", url=api.url) for api in stack.state.apis]
    os.kill(stack.process("valkey").pid, signal.SIGSTOP)
    try:
        clients[0].send(seq=1)
        assert clients[0].next()["type"] == "echo"
        clients[0].send(seq=2, publish="lost")
        refused = clients[0].next()
    finally:
        os.kill(stack.process("valkey").pid, signal.SIGCONT)
    assert (refused["type"], refused["dependency"], refused["client_seq"]) == ("error", "valkey", 2)
    clients[0].send(seq=3, publish="heard")
    heard = clients[1].next()
    while heard["client_seq"] != 3:  # the one that was refused may have been sent all the same
        heard = clients[1].next()
    for client in clients:
        client.close()


def test_slow_accept_delays_each_handshake_by_what_it_says(healthy: Stack) -> None:
    """300 ms each; counted."""
    healthy.switch("slow_accept", delay_ms=300)
    took_s = []
    for _ in range(3):
        started = time.monotonic()
        Client(healthy, "late").close()
        took_s.append(time.monotonic() - started)
    assert 0.3 <= min(took_s) < 2.3, "of the one that met the least besides"
    assert healthy.account().status == {"delayed": 3}


def test_drop_all_closes_everybody_once_and_again_when_put_again(healthy: Stack, everywhere: list[Client]) -> None:
    """1012 for all six; those who come back stay, until the next PUT."""
    healthy.switch("drop_all")
    assert [client.close_code() for client in everywhere] == [1012] * 6
    status = healthy.account().status
    assert status["closed"] == 6
    assert 0 <= time.monotonic() - status["at"] < 10
    back = Client(healthy, "back")
    back.send(seq=1)
    assert back.next()["type"] == "echo"
    healthy.switch("drop_all")
    assert back.close_code() == 1012
    assert healthy.account().status["closed"] == 1


def test_lost_messages_are_exactly_those_it_lists(healthy: Stack, everywhere: list[Client]) -> None:
    """A quarter of 20 broadcasts: each of six clients misses 5, the very ones in the records."""
    healthy.switch("lost_messages", share=0.25)
    publisher = Client(healthy, "publisher", channel="main")
    numbers = []
    for number in range(20):
        publisher.send(seq=number, publish=number)
        numbers.append(publisher.until("published")["seq"])
    # In each process the last broadcast is delivered before it can be counted.
    until(lambda: healthy.account().status["due"] == 20 * 7, "all delivered")
    missed = {}
    for client in everywhere:
        client.send(seq=99)
        missed[client.hello["client"]] = sorted(set(numbers) - set(client.numbers_until(99)))
    account = healthy.account()
    assert account.status == {"due": 140, "lost": 35}
    recorded: dict[str, list[int]] = {}
    for record in account.records:
        recorded.setdefault(record["client"], []).append(record["seq"])
    del recorded["publisher"]
    assert recorded == missed
    assert {len(lost) for lost in missed.values()} == {5}
    publisher.close()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.3, 1 / 3, 0.7, 1.0])
def test_a_share_is_exact_after_every_event(share: float) -> None:
    """Of n events floor(n × share), for every n to 1000: no chance in it."""
    chooser, chosen = Share(share), 0
    for n in range(1, 1001):
        chosen += chooser.take()
        assert chosen == int(n * share + 1e-9) == chooser.chosen


@pytest.mark.parametrize("name", ["lost_messages", "lost_invalidation", "stale_replica_read"])
def test_a_share_above_one_is_refused(name: str) -> None:
    """With the valid parameters in the text."""
    with pytest.raises(UsageError, match=r"share=1.5 is not between 0 and 1; valid: "):
        folder.build(name, {"share": "1.5", **({"delay_ms": "1"} if name == "stale_replica_read" else {})})
