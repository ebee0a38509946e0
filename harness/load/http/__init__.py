"""A lean HTTP/1.1 client for load: gevent's event loop, plain sockets and httptools. See docs/http-client.md."""

from harness.load.http.client import HttpClient
from harness.load.http.errors import (
    ConnectTimeoutError,
    ContentEncodingError,
    FirstByteTimeoutError,
    HttpError,
    ProtocolError,
    ResponseTimeoutError,
    TooLargeError,
    TooManyRedirectsError,
    TruncatedError,
)
from harness.load.http.request import Request
from harness.load.http.response import HeaderFields, Response
from harness.load.http.retries import Retries
from harness.load.http.settings import ClientSettings, ResponseLimits, Timeouts, TlsSettings
from harness.load.http.users import HerdHttpUser, LeanHttpUser, PacedHttpUser

__all__ = [
    "ClientSettings",
    "ConnectTimeoutError",
    "ContentEncodingError",
    "FirstByteTimeoutError",
    "HeaderFields",
    "HerdHttpUser",
    "HttpClient",
    "HttpError",
    "LeanHttpUser",
    "PacedHttpUser",
    "ProtocolError",
    "Request",
    "Response",
    "ResponseLimits",
    "ResponseTimeoutError",
    "Retries",
    "Timeouts",
    "TlsSettings",
    "TooLargeError",
    "TooManyRedirectsError",
    "TruncatedError",
]
