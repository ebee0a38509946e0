"""Login thundering herd: everybody logs in at the same instant.

Point it at your own service:
    springback run locustfiles/login_herd.py --host http://127.0.0.1:8000 --login-path /login \\
        --username me --password secret
"""

import harness
from harness.load.users.login import LoginOptions, LoginUser
from shapes import herd


class Login(LoginUser):
    """Prepares ``POST /auth/login`` while it waits, and sends it with all the others; an answer without a token has
    failed. Both are in ``harness/load/users/login.py``, to be overridden: ``prepare()`` and ``check()``.
    """


class LoginHerd(herd.Herd):
    baseline_s, herd_users, recovery_s = 30, 500, 45


harness.attach("login-herd", options=LoginOptions)
