"""Clients of an API with OAuth2: everybody asks at the same instant, each with a token of its own.

    springback run examples/oauth2_api.py --host http://127.0.0.1:8000 --accounts accounts.csv

Users log in while they are parked, by the password grant, and refresh their tokens before these run out. With
--released login or --released refresh it is that which everybody does at the same instant; with --released trespass
everybody asks for the page of somebody else, which the service has to refuse.
"""

import harness
from harness.load.http import HerdHttpUser
from harness.load.http.oauth2 import OAuth2Tokens
from harness.load.pacing import NotReadyError
from harness.load.users.csv_rows import CsvRows
from harness.load.users.measured import WrongAnswerError
from harness.plugins import parameter
from shapes import herd

ACCOUNTS = CsvRows("accounts", ("username", "password"))
RELEASED = ("request", "login", "refresh", "trespass")


class ApiClient(HerdHttpUser):
    latest = ""  # of those who have begun here
    has_seen_own_page = False

    def on_start(self):
        self.options = self.environment.parsed_options
        self.account = ACCOUNTS.take(self)
        self.somebody_else, ApiClient.latest = ApiClient.latest, self.account["username"]
        self.tokens = OAuth2Tokens(self.client, self.options.token_path)

    def get_ready(self):
        self.tokens.renew(self.account["username"], self.account["password"])
        self.ready_until_s = self.tokens.renew_at_s
        if self.options.released == "trespass" and not self.has_seen_own_page:
            own = self.client.get(
                self.page_of(self.account["username"]), headers=self.tokens.header, name="page of one's own"
            )
            if own.error:  # who is refused anything proves nothing
                raise NotReadyError(f"{self.options.page_path} is refused to its owner: {own.error}")
            self.has_seen_own_page = True

    def page_of(self, username):
        return self.options.page_path.replace("{username}", username)

    def prepare(self):
        if self.options.released == "login":
            return self.tokens.password_request(self.account["username"], self.account["password"])
        if self.options.released == "refresh":
            return self.tokens.refresh_request()
        if self.options.released == "trespass":
            owner = self.somebody_else or ApiClient.latest
            if owner == self.account["username"]:
                raise NotReadyError("nobody else has logged in yet")
            refused_or_not = {"expect": "2xx,401,403,404", "name": "page of somebody else"}
            return self.client.prepare("GET", self.page_of(owner), headers=self.tokens.header, **refused_or_not)
        return self.client.prepare("GET", self.options.own_path, headers=self.tokens.header)

    def follow_up(self, response):
        if self.options.released == "trespass" and not response.is_success:
            # With a token that opens nothing any more, nobody was refused anything.
            own = self.page_of(self.account["username"])
            self.client.get(own, headers=self.tokens.header, name="page of one's own")

    def check(self, response):
        if self.options.released == "trespass":
            return WrongAnswerError("token of somebody else accepted") if response.status_code < 300 else None
        if self.options.released != "request":
            return self.tokens.accept(response)
        said = response.json().get(self.options.own_field)
        return None if said == self.account["username"] else WrongAnswerError("answer about somebody else")


class ApiHerd(herd.Herd):
    baseline_s, herd_users, recovery_s, canary_users = 30, 200, 60, 20


class Options:
    accounts: str = parameter("accounts.csv", "CSV file with the columns username and password")
    token_path: str = parameter("/token", "path of the token endpoint", web=True)
    released: str = parameter("request", "what everybody does at once", choices=RELEASED)
    own_path: str = parameter("/users/me", "path that says who has asked", web=True)
    own_field: str = parameter("username", "field of its JSON with the username", web=True)
    page_path: str = parameter("/users/{username}", "page of a user that is nobody else's, for trespass", web=True)


def problems(options):
    yield from ACCOUNTS.problems(options)
    if options.released == "trespass" and "{username}" not in options.page_path:
        yield f"--page-path {options.page_path}: is the same for everybody; give one with {{username}}"


harness.attach("oauth2-api", options=Options, checks=problems)
