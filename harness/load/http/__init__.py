"""A lean HTTP/1.1 client for load: gevent's event loop, plain sockets and httptools. See docs/http-client.md."""

from harness.load.http.client import HttpClient
from harness.load.http.errors import (
    AnswerTimeoutError,
    CodingError,
    ConnectTimeoutError,
    FirstByteTimeoutError,
    HttpError,
    ProtocolError,
    TooLargeError,
    TooManyRedirectsError,
    TruncatedError,
)
from harness.load.http.request import Request
from harness.load.http.response import HeaderFields, Response
from harness.load.http.settings import Deadlines, Limits, Settings, Trust
from harness.load.http.users import HerdHttpUser, LeanHttpUser, PacedHttpUser

__all__ = [
    "AnswerTimeoutError",
    "CodingError",
    "ConnectTimeoutError",
    "Deadlines",
    "FirstByteTimeoutError",
    "HeaderFields",
    "HerdHttpUser",
    "HttpClient",
    "HttpError",
    "LeanHttpUser",
    "Limits",
    "PacedHttpUser",
    "ProtocolError",
    "Request",
    "Response",
    "Settings",
    "TooLargeError",
    "TooManyRedirectsError",
    "TruncatedError",
    "Trust",
]
