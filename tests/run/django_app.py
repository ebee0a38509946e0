"""A Django service for tests: its own login view, CSRF middleware and sessions, on SQLite; see services.py.

``python -m tests.run.django_app DATABASE ACCOUNTS [FAULT]``. ``/counts`` has the logins of each account, ``/issued``
the values of all cookies and CSRF tokens. The fault
``mixed_sessions`` shows everybody the page of whoever has logged in last.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.run.accounts import password_of

LOGIN = "<form method='post'>{% csrf_token %}{{ form.as_p }}<button>Log in</button></form>"


def main(database: str, accounts: int, fault: str = "") -> None:
    import django
    from django.conf import settings

    # Several logins at a time write their sessions: in turn, and not by trying again.
    in_turn = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF",
    }
    settings.configure(
        SECRET_KEY="of a test",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database, "OPTIONS": in_turn}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
        MIDDLEWARE=[
            "tests.run.django_app.noting_what_is_issued",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [
                        ("django.template.loaders.locmem.Loader", {"registration/login.html": LOGIN}),
                    ]
                },
            }
        ],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # a slow one is no part of what is tested
        LOGIN_REDIRECT_URL="/me/",
    )
    django.setup()
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import User
    from django.contrib.auth.signals import user_logged_in
    from django.core.management import call_command
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application

    call_command("migrate", verbosity=0)
    User.objects.bulk_create(
        User(username=f"member{number}", password=make_password(password_of(number))) for number in range(accounts)
    )
    logins: Counter[str] = Counter()
    latest = [""]

    def note(user: Any, **_: Any) -> None:
        logins[user.username] += 1
        latest[0] = user.username

    user_logged_in.connect(note, weak=False)
    urlpatterns[:] = _urls(logins, lambda user: latest[0] if fault == "mixed_sessions" else user)

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.daemon_threads = True
    server.request_queue_size = 1024
    server.set_app(get_wsgi_application())
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


urlpatterns: list[Any] = []
issued: set[str] = set()


def noting_what_is_issued(answered: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A middleware, before all others."""

    def answer(request: Any) -> Any:
        response = answered(request)
        issued.update(cookie.value for cookie in response.cookies.values())
        issued.update(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', response.content.decode()))
        return response

    return answer


def _urls(logins: Counter[str], shown: Any) -> list[Any]:
    from django.contrib.auth.decorators import login_required
    from django.contrib.auth.views import LoginView
    from django.http import HttpRequest, HttpResponse, JsonResponse
    from django.urls import path

    @login_required
    def me(request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"<h1>Hello {shown(request.user.get_username())}!</h1>")

    return [
        path("accounts/login/", LoginView.as_view()),
        path("me/", me),
        path("counts", lambda _request: JsonResponse(logins)),
        path("issued", lambda _request: JsonResponse(sorted(issued), safe=False)),
        path("", lambda _request: HttpResponse("well")),
    ]


if __name__ == "__main__":
    sys.modules["tests.run.django_app"] = sys.modules[__name__]
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
