"""WebSocket avalanche: everybody connects at the same instant, talks, is dropped, and comes back.

Point it at your own service; what is said, and what answers it, stands in `say` and `on_message`:
    springback run locustfiles/websocket_avalanche.py --host http://127.0.0.1:8000 --feed-path '/ws?user={number}'
Ten thousand connections fit in one process: --herd-users 10000 --say-every-s 60
"""

import json
import time

from locust import task

import harness
from harness.faults import PlannedFault
from harness.faults.http_toggle import HttpToggle
from harness.load.descriptors import shortage
from harness.load.websocket import Deliveries, WebSocketUser, channel_of
from harness.probes.prometheus import Prometheus
from harness.recording import CriterionSpec
from shapes import avalanche

GAUGE = "target_feed_connections"
PUBLISH_EVERY = 4  # turns: the others are for the echo
JUST_AFTER_S = 0.01  # so that the cut lies in the second with which the phase begins


class Visitor(WebSocketUser):
    said = 0

    @task
    def visit(self):
        """The herd stays until the end; the others look in, say one thing, and leave."""
        options = self.environment.parsed_options
        self.quiet_s, every_s = float(options.quiet_s), float(options.say_every_s)
        if not self.in_herd:
            self.connection_name = "canary"
            if self.open():
                self.say("echo")
                self.listen(time.monotonic() + every_s)
        else:
            self.open()
            if cut_by(options) == "client":
                self.abort_at(self.phase_start_s("drop") + JUST_AFTER_S)
            turn_s = time.monotonic() + every_s * (self.number * 0.618 % 1)
            while self.stay_connected(turn_s):
                if not self.hushed():
                    self.say("echo" if (self.said + self.number) % PUBLISH_EVERY else "published")
                turn_s += every_s
        self.disconnect()

    def path(self):
        node, options = self.node, self.environment.parsed_options
        room = self.number // node.nodes // int(options.channel_users) if self.in_herd else "canary"
        self.channel = f"{node.run}-{node.index}-{room}"
        return options.feed_path.format(number=self.number, channel=self.channel)

    def on_open(self):
        self.deliveries = Deliveries(self, channel_of(self, self.channel))

    def say(self, kind):
        self.said += 1
        document = {"seq": self.said, "sent_s": time.monotonic()}
        self.deliveries.sent(kind, self.said, document["sent_s"])
        self.send(json.dumps({"seq": self.said, "publish": document} if kind == "published" else document))

    def on_message(self, message):
        now_s, answer = time.monotonic(), json.loads(message)
        match answer.get("type"):
            case "hello":
                self.deliveries.start_after(answer["seq"] or 0)
            case "echo":
                self.deliveries.answered("echo", answer["seq"], now_s)
                return not self.in_herd
            case "published":
                self.deliveries.published(answer["seq"], answer["client_seq"], now_s)
            case "message":
                self.deliveries.delivered(answer["seq"], answer["publish"]["sent_s"], now_s)
            case _:
                self.deliveries.refused(answer.get("client_seq"), now_s)
        return False

    def on_end(self, ended_s):
        self.deliveries.settle(ended_s - self.quiet_s)

    def hushed(self):
        """Nothing is said shortly before the drop and the end: whatever was said is delivered by then, or lost."""
        now_s = time.monotonic()
        return any(0 <= edge_s - now_s < self.quiet_s for edge_s in (self.phase_start_s("drop"), self.run_end_s()))


class WebSocketAvalanche(avalanche.Avalanche):
    # 200 of the herd and 15/s · 7 s others: a bound of a p99 takes 299 handshakes.
    baseline_s, herd_users, spike_s, steady_s, drop_s, recovery_s = 10, 200, 7, 8, 10, 25
    canary_per_s, canary_users = 15, 30


def cut_by(options):
    """The target drops everybody where it has a fault for it, else the clients cut their connections themselves."""
    return options.cut or ("server" if options.api_urls and options.fault_path else "client")


def probes(options):
    urls = tuple(f"{url}/metrics" for url in options.api_urls.split(",") if url)
    return [Prometheus(urls, (GAUGE,))] if urls else []


def faults(options):
    switches = [url + options.fault_path for url in options.api_urls.split(",") if url]
    drop = {"token": options.fault_token, "body": '{"fault": "drop_all", "parameters": {}}', "label": "drop_all"}
    if cut_by(options) == "server":
        for url in switches:
            yield PlannedFault(HttpToggle(url, **drop), at=f"drop+{JUST_AFTER_S}", for_s=1)


def checks(options):
    for name, least in (("say_every_s", 0.01), ("quiet_s", 0), ("channel_users", 1)):
        flag, given = f"--{name.replace('_', '-')}", getattr(options, name)
        try:
            wrong = not least <= float(given) < 1e6 or (name == "channel_users" and not given.isdigit())
        except ValueError:
            wrong = True
        if wrong:
            yield f"{flag} {given}: give a {'whole ' if name == 'channel_users' else ''}number of {least} or more"
    if not options.feed_path.startswith("/"):
        yield f"--feed-path {options.feed_path}: give a path that begins with /"
    if options.cut not in ("", "client", "server"):
        yield f"--cut {options.cut}: give client or server"
    if options.cut == "server" and not (options.api_urls and options.fault_path):
        yield "--cut server: name the target's fault switch with --api-urls and --fault-path, or let the client cut"
    users = int(options.herd_users) + int(options.canary_users)
    if missing := shortage(users, abs(options.processes or options.expect_workers or 1)):
        yield missing


harness.attach(
    "websocket-avalanche",
    criteria=[
        CriterionSpec("error_ratio", {"requests": "WS *"}),
        CriterionSpec("latency_quantile", {"requests": "WS * connect", "quantile": 0.99, "name": "handshake_p99"}),
        CriterionSpec("reconnect_time"),
        CriterionSpec("message_delivery"),
        CriterionSpec("connections_kept", {"connections": "/feed"}),
        CriterionSpec("connections_agree", {"metric": GAUGE}),
        CriterionSpec("memory_growth"),
    ],
    probes=probes,
    faults=faults,
    checks=checks,
    options={
        "feed_path": ("/feed?client={number}&channel={channel}", "path of the WebSocket; {channel} is shared by few"),
        "say_every_s": ("5", "seconds from one message of a user to its next; each fourth is published to its channel"),
        "channel_users": ("50", "users of a channel, so what is published is delivered as often"),
        "quiet_s": (
            "3",
            "seconds before the drop and the end in which nothing is said; what has not come then is lost",
        ),
        "cut": ("", "who ends all connections in the phase drop: server (by its fault drop_all) or client"),
        "api_urls": ("", "addresses of all processes of the service, with commas: their /metrics has the gauge"),
        "fault_path": ("", "path of the fault switch at each of these addresses"),
        "fault_token": ("", "bearer token of the fault switch"),
    },
)
