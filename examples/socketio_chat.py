"""Socket.IO: everybody joins at one instant, says something that has to be acknowledged, is dropped, and comes back.

springback run examples/socketio_chat.py --host http://127.0.0.1:8000

The packets are python-socketio's; the connection is Springback's, so it is paced, recorded, and made again when it is
lost. An event of your own service goes into ``say``, and what tells that it was done into ``on_event``.
"""

import time

import engineio.packet as engine
import socketio.packet as packets
from locust import task

import harness
from harness.load.websocket import Deliveries, WebSocketUser
from harness.recording import CriterionSpec
from shapes import avalanche

NEVER_MIND_S = 1.0  # what was said so shortly before a connection ended may have been on its way


class Chatter(WebSocketUser):
    name = "/socket.io"

    def path(self):
        return "/socket.io/?EIO=4&transport=websocket"  # no polling before: a herd is WebSockets

    @task
    def chat(self):
        """The herd stays until the end; the others look in, say one thing, and leave."""
        self.connection_name = "" if self.in_herd else "canary"  # or who leaves in the drop would count as dropped
        self.open()
        if not self.in_herd:
            self.listen(time.monotonic() + 1)  # until it has joined
            self.say_if_joined()
            self.listen(time.monotonic() + 1)
            return self.disconnect()
        self.abort_in("drop")
        turn_s = time.monotonic()
        while self.stay_connected(turn_s):
            self.say_if_joined()
            turn_s += 1
        return self.disconnect()

    def say_if_joined(self):
        if self.connection is not None and self.joined:
            self.say("say", {"number": self.number})

    def say(self, event, data):
        self.last_id += 1
        self.deliveries.sent("say", self.last_id, time.monotonic())
        self.send_packet(packets.Packet(packets.EVENT, [event, data], id=self.last_id))

    def send_packet(self, packet):
        self.send(engine.Packet(engine.MESSAGE, packet.encode()).encode())

    def on_open(self):
        self.joined, self.opened_s, self.last_id, self.deliveries = False, time.monotonic(), 0, Deliveries(self)

    def on_message(self, message):
        frame = engine.Packet(encoded_packet=message)
        if frame.packet_type == engine.OPEN:
            self.send_packet(packets.Packet(packets.CONNECT))
        elif frame.packet_type == engine.PING:
            self.send(engine.Packet(engine.PONG, frame.data).encode())
        elif frame.packet_type == engine.MESSAGE:
            self.on_packet(packets.Packet(encoded_packet=frame.data))
            return not self.in_herd  # who only looks in goes on
        return False

    def on_packet(self, packet):
        if packet.packet_type == packets.CONNECT:
            self.joined = True
            self.observe("greeting", self.name, self.opened_s, self.arrived_s)
        elif packet.packet_type == packets.ACK:
            self.deliveries.answered("say", packet.id, self.arrived_s)

    def on_end(self, ended_s):
        if not self.joined and self.opened_s < ended_s - NEVER_MIND_S:
            self.missing(f"greeting {self.name}", "lost", self.opened_s)  # connected, to nobody who answers
        self.deliveries.settle(ended_s - NEVER_MIND_S)


class Crowd(avalanche.Avalanche):
    baseline_s, herd_users, spike_s, steady_s, drop_s, recovery_s = 10, 200, 7, 8, 10, 25
    canary_per_s, canary_users = 15, 30


harness.attach(
    "socketio-chat",
    criteria=[
        CriterionSpec("error_ratio", {"requests": "WS *"}),
        CriterionSpec("latency_quantile", {"requests": "message say"}),
        CriterionSpec("latency_quantile", {"requests": "message say", "phase": "recovery", "name": "say_p95_after"}),
        "message_delivery",
        CriterionSpec("connections_kept", {"connections": "/socket.io"}),
        CriterionSpec("reconnect_time", {"connections": "/socket.io"}),
    ],
)
