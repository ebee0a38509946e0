"""Login thundering herd: everybody logs in at the same instant.

Point it at your own service:
    springback run locustfiles/login_herd.py --host http://127.0.0.1:8000 --login-path /login --username me --password …
"""

import harness
from harness.load.http import HerdHttpUser
from harness.plugins import parameter
from shapes import herd


class Login(HerdHttpUser):
    def prepare(self):
        options = self.environment.parsed_options
        credentials = {"username": options.username.format(number=self.number), "password": options.password}
        return self.client.prepare("POST", options.login_path, json=credentials)

    def check(self, response):
        return None if "token" in response.json() else "no token in the answer"


class LoginHerd(herd.Herd):
    baseline_s, herd_users, recovery_s = 30, 500, 45


class Options:
    login_path: str = parameter("/auth/login", "path that takes the login as JSON", web=True)
    username: str = parameter("user{number}", "name to log in with; {number} is different for every user", web=True)
    password: str = parameter("springback", "password of all these users", secret=True, web=True)


harness.attach("login-herd", options=Options)
