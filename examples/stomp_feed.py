"""STOMP 1.2: everybody subscribes at one instant, says what has to be received and delivered, is dropped, and returns.

springback run examples/stomp_feed.py --host http://127.0.0.1:15674

The frames are stomp.py's (pip install stomp-py); the connection is Springback's, so it is paced, recorded, and made
again when it is lost. A RabbitMQ with its plugin rabbitmq_web_stomp listens there; others want another path and login.
"""

import time
import uuid

from locust import task
from stomp.protocol import Protocol12
from stomp.utils import convert_frame, encode, pack, parse_frame

import harness
from harness.load.websocket import Deliveries, WebSocketUser
from harness.recording import CriterionSpec
from shapes import avalanche

HEART_BEATS_MS = "5000,5000"  # at the latest so often, ours and the broker's; whatever is sent is one
TURN_S, SILENT_TURNS = 1, 10  # each turn something is said; a broker of which nothing comes for so many is given up
NEVER_MIND_S = 1.0  # what was said so shortly before a connection ended may have been on its way


class Follower(WebSocketUser):
    name, subprotocols = "/ws", ("v12.stomp",)
    vhost, current_host_and_port = "/", ("/",)  # Protocol12 asks its transport for these and the next two

    def set_listener(self, *_):
        """What comes is given to on_message."""

    def transmit(self, frame):
        self.send(pack(convert_frame(frame)).decode())

    @task
    def follow(self):
        """The herd stays until the end and says something each turn; the others look in, say one thing, and leave."""
        self.connection_name = "" if self.in_herd else "canary"  # or who leaves in the drop would count as dropped
        self.stomp = Protocol12(self)
        if self.open() and not self.in_herd:
            self.listen(time.monotonic() + 2)
        self.abort_in("drop")
        while self.in_herd and self.stay_connected(time.monotonic() + TURN_S):
            self.silent_turns += 1  # turns, not seconds: without CPU nobody hears anything either
            if self.silent_turns > SILENT_TURNS:
                self.give_up("no heart-beat")
            elif self.said:
                self.say()
        self.stomp.send_frame("DISCONNECT")
        self.disconnect()

    def on_open(self):
        self.topic, self.said, self.silent_turns = f"/topic/{uuid.uuid4()}", 0, 0
        self.deliveries = Deliveries(self)
        self.await_answers("CONNECT")
        self.stomp.connect("guest", "guest", headers={"heart-beat": HEART_BEATS_MS}, with_connect_command=True)

    def say(self):
        self.said += 1
        self.await_answers(f"SEND {self.said}", f"MESSAGE {self.said}")
        self.stomp.send(self.topic, str(self.said), receipt=f"SEND {self.said}")

    def on_message(self, message):
        self.silent_turns = 0
        frame = parse_frame(encode(message).rstrip(b"\n").removesuffix(b"\0"))
        match frame and frame.cmd:  # None: a heart-beat
            case "CONNECTED":
                self.on_answer("CONNECT")
                self.await_answers("SUBSCRIBE")
                self.stomp.subscribe(self.topic, "1", ack="client-individual", receipt="SUBSCRIBE")
            case "RECEIPT":
                self.on_answer(frame.headers["receipt-id"])
                if not self.said:
                    self.say()
            case "MESSAGE":
                self.stomp.ack(frame.headers["ack"])
                self.on_answer(f"MESSAGE {frame.body.decode()}")
            case "ERROR":
                self.give_up("ERROR frame")  # a broker may leave the connection open
        return not self.in_herd and not self.deliveries.awaits_any

    def await_answers(self, *answers):
        for answer in answers:
            self.deliveries.sent(answer.split()[0], answer, time.monotonic())

    def on_answer(self, answer):
        self.deliveries.answered(answer.split()[0], answer, self.arrived_s)

    def on_end(self, ended_s):
        self.deliveries.settle(ended_s - NEVER_MIND_S)


class Crowd(avalanche.Avalanche):
    baseline_s, herd_users, spike_s, steady_s, drop_s, recovery_s = 10, 200, 7, 8, 10, 25
    canary_per_s, canary_users = 15, 30


harness.attach(
    "stomp-feed",
    criteria=[
        CriterionSpec("error_ratio", {"requests": "WS *"}),
        CriterionSpec("latency_quantile", {"requests": "message *"}),
        CriterionSpec("latency_quantile", {"requests": "message *", "phase": "recovery", "name": "messages_p95_after"}),
        "message_delivery",
        CriterionSpec("connections_kept", {"connections": "/ws"}),
        CriterionSpec("reconnect_time", {"connections": "/ws"}),
    ],
)
