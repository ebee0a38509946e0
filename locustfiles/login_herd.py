"""Login thundering herd: everybody logs in at the same instant.

Point it at your own service:
    springback run locustfiles/login_herd.py --host http://127.0.0.1:8000 --login-path /login \\
        --username me --password secret
"""

import harness
from harness.load.users.login import LoginOptions, LoginUser
from shapes import herd


class Login(LoginUser):
    """Its request is prepared while it waits, and sent with all the others."""


class LoginHerd(herd.Herd):
    baseline_s, herd_users, recovery_s = 30, 500, 45


harness.attach("login-herd", options=LoginOptions)
