"""Conformance against real servers: nginx, HAProxy and uvicorn."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest
import requests

from harness.load.http import Timeouts, TlsSettings
from tests.http.conftest import Certificates, Make
from tests.http.sockets import until_idle_ends
from tests.ports import free_port

APPLICATION = """
import asyncio, hashlib

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    path, status, headers, pieces = scope["path"], 200, [(b"x-method", scope["method"].encode())], [b"hello"]
    if path == "/echo":
        pieces = [hashlib.sha256(body).hexdigest().encode()]
    elif path == "/pieces":
        pieces = [b"x" * n for n in range(1, 300)]
    elif path == "/empty":
        status, pieces = 204, []
    elif path == "/cookie":
        headers += [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2; Path=/")]
    elif path == "/seen":
        pieces = [dict(scope["headers"]).get(b"cookie", b"")]
    elif path == "/go":
        status, headers, pieces = 302, [(b"location", b"/echo")], []
    elif path == "/large":
        pieces = [b"y" * 5_000_000]
    elif path == "/slow":
        await asyncio.sleep(1)
    elif path == "/close":
        headers.append((b"connection", b"close"))
    if len(pieces) == 1:
        headers.append((b"content-length", str(len(pieces[0])).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
"""

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections 256; }}
http {{
    access_log off; keepalive_requests 5; gzip on; gzip_min_length 1; gzip_types text/plain;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    client_max_body_size 1m;
    server {{
        listen 127.0.0.1:{port}; listen [::1]:{port}; listen 127.0.0.1:{tls_port} ssl;
        ssl_certificate {certificate}; ssl_certificate_key {key};
        root {folder}/www; default_type text/plain;
        location = /empty {{ return 204; }}
        location = /go {{ return 301 /file.txt; }}
        location = /away {{ return 302 http://example.com/; }}
        location = /small {{ return 200 "ok"; }}
        location = /post {{ return 200 "posted"; }}
        location /app/ {{ proxy_pass http://127.0.0.1:{upstream}/; proxy_http_version 1.0; }}
    }}
}}
"""

HAPROXY = """
global
    maxconn 200
    nbthread 1
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server {server_ms}ms
    retries 0
frontend public
    bind 127.0.0.1:{port}
    bind 127.0.0.1:{tls_port} ssl crt {both}
    use_backend nobody if {{ path /nobody }}
    default_backend api
backend api
    server one 127.0.0.1:{upstream}
backend nobody
    server none 127.0.0.1:1
"""


@contextmanager
def process(command: list[str], port: int, **arguments: object) -> Iterator[None]:
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **arguments)  # type: ignore[call-overload]
    try:
        end_s = time.monotonic() + 15
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert running.poll() is None and time.monotonic() < end_s, f"{command[0]} does not start"
                time.sleep(0.05)
        yield
    finally:
        running.kill()
        running.wait()


@pytest.fixture(scope="module")
def uvicorn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("uvicorn"), free_port()
    (folder / "application.py").write_text(APPLICATION)
    command = [sys.executable, "-m", "uvicorn", "application:app", "--port", str(port), "--log-level", "critical"]
    with process([*command, "--timeout-keep-alive", "1"], port, cwd=folder):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def nginx(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates, uvicorn: str
) -> Iterator[tuple[str, str, str]]:
    """URLs: plain, TLS, IPv6."""
    binary = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if binary is None:
        pytest.skip("no nginx here: apt-get install nginx-light")
    folder, port, tls_port = tmp_path_factory.mktemp("nginx"), free_port(), free_port()
    (folder / "www").mkdir()
    (folder / "www" / "file.txt").write_text("a file, " * 5000)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        NGINX.format(
            folder=folder,
            port=port,
            tls_port=tls_port,
            upstream=uvicorn.rpartition(":")[2],
            certificate=certificates.certificate,
            key=certificates.key,
        )
    )
    folder.chmod(0o755)
    with process([binary, "-p", str(folder), "-c", str(configuration), "-e", str(folder / "start.log")], port):
        yield f"http://127.0.0.1:{port}", f"https://localhost:{tls_port}", f"http://[::1]:{port}"


@pytest.fixture(scope="module")
def haproxy(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates, uvicorn: str
) -> Iterator[tuple[str, str]]:
    """URLs: plain, TLS."""
    from target.errors import TargetError
    from target.stack.haproxy import binary

    try:
        executable = binary()
    except TargetError as error:
        pytest.skip(str(error))
    folder, port, tls_port = tmp_path_factory.mktemp("haproxy"), free_port(), free_port()
    both = folder / "both.pem"
    both.write_text(Path(certificates.certificate).read_text() + Path(certificates.key).read_text())
    configuration = folder / "haproxy.cfg"
    upstream = uvicorn.rpartition(":")[2]
    configuration.write_text(HAPROXY.format(port=port, tls_port=tls_port, both=both, upstream=upstream, server_ms=500))
    with process([executable, "-db", "-f", str(configuration)], port):
        yield f"http://127.0.0.1:{port}", f"https://localhost:{tls_port}"


def same_as_requests(make: Make, url: str, paths: list[tuple[str, str]]) -> None:
    """Status, body and the headers that do not change, side by side with the requests library."""
    made = make(url)
    for method, path in paths:
        theirs = requests.request(method, url + path, headers={"Accept-Encoding": "gzip"}, timeout=10)
        ours = made.request(method, path, headers={"Accept-Encoding": "gzip"})
        assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content), (method, path)
        stable = {
            key.lower(): value for key, value in theirs.headers.items() if key.lower() not in ("date", "connection")
        }
        assert {key: value for key, value in ours.headers.items() if key not in ("date", "connection")} == stable
    assert len(made.events) == len(paths)


def test_nginx(make: Make, nginx: tuple[str, str, str]) -> None:
    """Files, compressed and not, HEAD, 204, 304, redirects, errors, proxied HTTP/1.0 answers without a length."""
    paths = ["/file.txt", "/small", "/empty", "/go", "/none", "/app/echo", "/app/pieces", "/app/large", "/app/close"]
    same_as_requests(make, nginx[0], [("GET", path) for path in paths])
    same_as_requests(make, nginx[0], [("HEAD", path) for path in ("/file.txt", "/small", "/go", "/none")])
    same_as_requests(make, nginx[0], [("POST", "/app/echo"), ("DELETE", "/file.txt"), ("OPTIONS", "/file.txt")])
    made = make(nginx[0])
    tag = made.get("/file.txt").headers["etag"]
    unchanged = made.get("/file.txt", headers={"If-None-Match": tag})
    assert unchanged.status_code == 304 and unchanged.body == b""
    assert made.get("/file.txt", headers={"Range": "bytes=2-5"}).text == "file"
    assert made.get("/away").status_code == 302
    assert made.post("/post", data=b"x" * 2_000_000).status_code == 413
    assert made.get("/small").text == "ok"


def test_nginx_closes_after_some_requests(make: Make, nginx: tuple[str, str, str]) -> None:
    """``keepalive_requests``: it announces the end, and the client connects again without a failure."""
    made = make(nginx[0])
    assert [made.get("/small").text for _ in range(23)] == ["ok"] * 23
    assert made.outcomes == ["ok"] * 23


def test_nginx_over_tls_and_ipv6(make: Make, nginx: tuple[str, str, str], certificates: Certificates) -> None:
    """Verified; tickets after the handshake do not look like an end."""
    made = make(nginx[1], tls=TlsSettings(ca_file=certificates.ca))
    for _ in range(8):
        assert made.get("/file.txt").text.startswith("a file")
        gevent.sleep(0.01)
    assert made.post("/app/echo", data=b"x" * 500_000).text.isalnum()
    same_as_requests(make, nginx[2], [("GET", "/file.txt"), ("GET", "/small")])


def test_uvicorn(make: Make, uvicorn: str) -> None:
    """Chunked both ways, cookies, every method, a large body."""
    same_as_requests(make, uvicorn, [("GET", path) for path in ("/", "/pieces", "/empty", "/large", "/go", "/close")])
    made = make(uvicorn)
    assert (
        made.post("/echo", data=iter([b"ab", b"c" * 100_000])).text
        == made.post("/echo", data=b"ab" + b"c" * 100_000).text
    )
    for call in (made.get, made.post, made.put, made.patch, made.delete, made.options):
        assert call("/").headers["X-Method"] == call.__name__.upper()
    assert made.head("/").headers["X-Method"] == "HEAD" and made.get("/").text == "hello"
    made.get("/cookie")
    assert made.get("/seen").text == "a=1; b=2"
    assert set(made.outcomes) == {"ok"}


def test_uvicorn_closes_idle_connections(make: Make, uvicorn: str) -> None:
    """After a second here: the next request goes over a new connection, and none fails."""
    made = make(uvicorn)
    made.get("/")
    until_idle_ends(int(uvicorn.rpartition(":")[2]))
    made.get("/")
    assert made.outcomes == ["ok"] * 2


def test_haproxy(make: Make, haproxy: tuple[str, str], certificates: Certificates) -> None:
    """Passed on as it is; its own errors, some of which close the connection, are outcomes."""
    same_as_requests(make, haproxy[0], [("GET", path) for path in ("/", "/pieces", "/empty", "/large", "/go")])
    made = make(haproxy[0], timeouts=Timeouts(total_s=5))
    for path in ("/nobody", "/slow", "/"):
        made.get(path)
    assert made.outcomes == ["http 503", "http 504", "ok"]
    over_tls = make(haproxy[1], tls=TlsSettings(ca_file=certificates.ca))
    assert [over_tls.get("/").text for _ in range(3)] == ["hello"] * 3
    assert over_tls.post("/echo", data=iter([b"x" * 50_000] * 5)).ok
