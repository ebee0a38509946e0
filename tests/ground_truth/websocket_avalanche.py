"""Ground truth of the WebSocket avalanche: each fault of the feed, and what a run has to find.

The target drops everybody by its own fault ``drop_all`` as the scenario plans it. As one fault at a time is on, the
clients cut their connections themselves in all other cases. The truth is the fault's account, not what was asked for.
"""

from __future__ import annotations

from harness.analysis.histogram import bucket_bounds_us
from harness.criteria.websocket import _connections as connections
from harness.recording.values import OK
from tests.ground_truth.frame import FAIL, Case, Compared, Run, flags

PHASES = flags(baseline_s=5, spike_s=7, steady_s=8, drop_s=5, recovery_s=6)
OPTIONS = (*PHASES, "--cut", "client")
HANDSHAKE_ABOVE_S = 0.8
"""So much may a herd of 200 handshakes take beside the delay that the fault gave them, on two busy cores."""
ALONE_ABOVE_S = 0.1
"""So much the quickest of them, which no other holds up."""


def _late(found: Run) -> Compared:
    """The fault counts whom it delayed; the quickest handshake shows by how much, the slowest are a crowd's as well."""
    figure, truth = found.finding("handshake_p99").figure, found.case.parameters["delay_ms"] / 1000
    near = figure is not None and truth <= figure <= truth + HANDSHAKE_ABOVE_S
    wrong = [] if near else [f"{figure} s found, {truth} s true"]
    handshakes = [piece for piece in found.recording.slices if piece.name.startswith("WS ") and piece.outcome == OK]
    quickest_s = bucket_bounds_us(min(index for piece in handshakes for index in piece.latency))[1] / 1e6
    if not truth <= quickest_s <= truth + ALONE_ABOVE_S:
        wrong.append(f"the quickest handshake took {quickest_s} s, {truth} s true")
    opened, delayed = sum(piece.count for piece in handshakes), found.account["delayed"]
    if opened != delayed:
        wrong.append(f"{opened} handshakes, {delayed:g} delayed by the fault's account")
    return Compared(wrong, figure, truth, "s")


def _dropped(found: Run) -> Compared:
    """The target counts whom it dropped, those who only look in among them."""
    recording, closed = found.recording, found.account["closed"]
    lost = sum(connections.lost(recording, recording.phase("drop")).values())
    held = sum(connections.lost(recording, recording.phase("drop"), "/feed").values())
    truth = (closed - (lost - held)) / connections.opened(recording, "/feed")
    figure = found.finding("connections_kept").figure
    wrong = [] if lost == closed else [f"{lost} connections lost, {closed:g} closed by the fault"]
    if figure != truth:
        wrong.append(f"share {figure} found, {truth} true")
    return Compared(wrong, figure, truth, "of the connections")


def _undelivered(found: Run) -> Compared:
    """Broadcast by broadcast; the finding has the echoes and greetings as well, of which none is lost."""
    account, told = found.account, found.finding("message_delivery").evidence
    seen = {name: float(told.get(f"message broadcast, {name}") or 0) for name in ("due", "lost", "doubled")}
    wrong = [
        f"{seen[name]:g} broadcasts {name}, {true:g} by the fault's account"
        for name, true in {"due": account["due"], "lost": account["lost"], "doubled": 0}.items()
        if seen[name] != true
    ]
    if not told["lost"] == account["lost"] > 0:
        wrong.append(f"{told['lost']} lost in the finding, {account['lost']:g} by the fault's account")
    return Compared(wrong, seen["lost"] / max(seen["due"], 1), account["lost"] / account["due"], "of the broadcasts")


def _lost_messages(share: float) -> Case:
    name = f"lost_messages {share:.0%}"
    expected = {"message_delivery": FAIL}
    return Case(
        *(name, "websocket_avalanche", "lost_messages", {"share": share}, expected),
        check=_undelivered,
        options=OPTIONS,
        follow=frozenset({"message_p95", "message_p95_after"}),  # what was lost is slower than any
    )


# Whom it drops outside of the phase drop is back before the end of steady, so both sides still agree.
UNPLANNED = Case(
    *("drop_all, unplanned", "websocket_avalanche", "drop_all", {}, {"connections_kept": FAIL}),
    check=_dropped,
    begins="steady",
    options=OPTIONS,
)
CASES = (
    Case("healthy", "websocket_avalanche", options=OPTIONS),
    Case("drop_all, planned", "websocket_avalanche", options=PHASES),
    Case(
        *("slow_accept 1.5 s", "websocket_avalanche", "slow_accept", {"delay_ms": 1500}, {"handshake_p99": FAIL}),
        check=_late,
        options=(*OPTIONS, *flags(handshake_p99_limit_s=1)),
    ),
    UNPLANNED,
    _lost_messages(0.1),
    _lost_messages(0.04),
)
SHORT = (_lost_messages(0.1),)
