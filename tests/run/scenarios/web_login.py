"""A web UI that asks for a login: whoever comes to /load/enter is in."""

from flask_login import UserMixin, login_user
from locust import events

from tests.run.scenarios.herd_http import Herd, Visitor  # noqa: F401


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
