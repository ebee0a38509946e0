"""Everybody logs in at the same instant, by a form with a CSRF token; accounts come from a CSV file.

    springback run examples/form_login.py --host http://127.0.0.1:8000 --accounts accounts.csv

The page with the form is fetched while a user is parked; only the filled-in form is sent when the herd is let go.
"""

import re

import harness
from harness.load.http import HerdHttpUser
from harness.load.http.forms import fetch_form, has_form
from harness.load.users.csv_rows import CsvRows
from harness.load.users.measured import WrongAnswerError
from harness.plugins import parameter
from shapes import herd

ACCOUNTS = CsvRows("accounts", ("username", "password"))


class Member(HerdHttpUser):
    def on_start(self):
        self.options = self.environment.parsed_options
        self.account = ACCOUNTS.take(self)

    def prepare(self):
        options = self.options
        self.client.cookies.clear()  # each iteration is a visit of its own
        form = fetch_form(self.client, options.login_page, options.token_field, "username", "password")
        account = {name: self.account[name] for name in ("username", "password")}
        return form.prepare(self.client, account, name="log in")

    def check(self, response):
        """The answer is the page to which the login has led, redirects followed."""
        if has_form(response, "username", "password"):
            return WrongAnswerError("login form again")
        if not response.history:  # a page that says who is locked out names the user as well
            return WrongAnswerError("no redirect after the login")
        if not re.search(rf"\b{re.escape(self.account['username'])}\b", response.text):
            return WrongAnswerError("session of somebody else")
        return None


class LoginHerd(herd.Herd):
    baseline_s, herd_users, recovery_s, canary_users = 30, 200, 60, 20


class Options:
    accounts: str = parameter("accounts.csv", "CSV file with the columns username and password")
    login_page: str = parameter("/accounts/login/", "path of the page with the form", web=True)
    token_field: str = parameter("csrfmiddlewaretoken", "name of the hidden field with the CSRF token", web=True)


harness.attach("form-login", options=Options, checks=ACCOUNTS.problems)
