"""A web UI that asks for a login: whoever comes to /load/enter is in."""

from flask_login import UserMixin, login_user
from locust import events

import harness
from harness.load.http import HerdHttpUser
from shapes import herd


class Visitor(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("GET", "/visit")


class Herd(herd.Herd):
    baseline_s, herd_users, spike_s, recovery_s, canary_users = 1, 5, 1, 1, 5


class Anna(UserMixin):
    id = "anna"


@events.init.add_listener
def ask_for_a_login(environment, **_):
    web_ui = environment.web_ui
    if web_ui is None:
        return
    web_ui.app.secret_key = "of a test"
    web_ui.login_manager.user_loader(lambda _: Anna())

    @web_ui.app.route("/load/enter")
    def enter():
        login_user(Anna())
        return "welcome"


harness.attach("web-login", criteria=["error_ratio"])
