"""A scenario with an option of every kind, all of which it reads: for the fuzz of the command line."""

from itertools import chain

import harness
from harness.load.http import HerdHttpUser
from harness.load.users import postgres, valkey
from harness.plugins import parameter
from harness.probes import planned
from shapes import herd


class Visitor(HerdHttpUser):
    def prepare(self):
        return self.client.prepare("GET", "/")


class Herd(herd.Herd):
    baseline_s, herd_users, spike_s, recovery_s = 1, 5, 1, 1


class Options(postgres.PostgresOptions, valkey.ValkeyOptions):
    count: int = parameter(1, "a whole number", lowest=1, highest=10)
    share: float = parameter(0.5, "a fraction", highest=1)
    colour: str = parameter("red", "one of some", choices=("red", "green"))
    is_bright: bool = parameter(False, "yes or no")
    ports: tuple[int, ...] = parameter((), "several numbers", highest=65535)
    urls: tuple[str, ...] = parameter((), "several addresses")
    admin: str = parameter("", "of a database", secret=True)
    token: str = parameter("", "plain text", secret=True)


def probes(options):
    for url in options.urls:
        yield planned("pool", urls=[url], size="size", in_use="used", waiting="")
        yield planned("haproxy", url=url)
    if options.admin:
        yield planned("postgres", dsn=options.admin)


def checks(options):
    databases = postgres.problems(options.postgres, options.allow_host)
    caches = valkey.problems(options.valkey, options.allow_host) if options.valkey else ()
    return chain(databases, caches)


harness.attach("every-kind", criteria=["error_ratio", "recovery_time"], probes=probes, checks=checks, options=Options)
