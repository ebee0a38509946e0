"""A spike on your own service: springback run examples/own_service.py --host http://127.0.0.1:8000"""

import harness
from harness.load.http import HerdHttpUser
from shapes import herd


class Visitor(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("GET", "/")


class Spike(herd.Herd):
    baseline_s, herd_users, recovery_s = 30, 200, 60


harness.attach("own-service")
