"""Clients of an API with OAuth2: everybody asks at the same instant, each with a token of its own.

    springback run examples/oauth2_api.py --host http://127.0.0.1:8000 --accounts accounts.csv

Users log in while they are parked, by the password grant, and refresh their tokens before these run out. With
--released login or --released refresh it is that which everybody does at the same instant.
"""

import harness
from harness.load.http import HerdHttpUser
from harness.load.http.oauth2 import OAuth2Tokens
from harness.load.users.csv_rows import CsvRows
from harness.load.users.measured import WrongAnswerError
from harness.plugins import parameter
from shapes import herd

ACCOUNTS = CsvRows("accounts", ("username", "password"))


class ApiClient(HerdHttpUser):
    def on_start(self):
        self.options = self.environment.parsed_options
        self.account = ACCOUNTS.take(self)
        self.tokens = OAuth2Tokens(self.client, self.options.token_path)

    def get_ready(self):
        self.tokens.renew(self.account["username"], self.account["password"])
        self.ready_until_s = self.tokens.renew_at_s

    def prepare(self):
        if self.options.released == "login":
            return self.tokens.password_request(self.account["username"], self.account["password"])
        if self.options.released == "refresh":
            return self.tokens.refresh_request()
        return self.client.prepare("GET", self.options.own_path, headers=self.tokens.header)

    def check(self, response):
        if self.options.released != "request":
            return self.tokens.accept(response)
        said = response.json().get(self.options.own_field)
        return None if said == self.account["username"] else WrongAnswerError("answer about somebody else")


class ApiHerd(herd.Herd):
    baseline_s, herd_users, recovery_s, canary_users = 30, 200, 60, 20


class Options:
    accounts: str = parameter("accounts.csv", "CSV file with the columns username and password")
    token_path: str = parameter("/token", "path of the token endpoint", web=True)
    released: str = parameter("request", "what everybody does at once", choices=("request", "login", "refresh"))
    own_path: str = parameter("/users/me", "path that says who has asked", web=True)
    own_field: str = parameter("username", "field of its JSON with the username", web=True)


harness.attach("oauth2-api", options=Options, checks=ACCOUNTS.problems)
