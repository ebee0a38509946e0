"""Certificates for tests: an authority of our own, and what it has signed, made with openssl."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    ca: str
    certificate: str
    key: str
    other_host: str
    """Certificate and key in one file, for another name than localhost."""
    client: str
    client_key: str
    encrypted_key: str
    """The same key with a passphrase."""


def openssl_is_here() -> bool:
    return shutil.which("openssl") is not None


def made_in(folder: Path) -> Certificates:
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        "req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority", "-days", "2"
    )

    def sign(name: str, alternative: str) -> None:
        openssl("req", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / f"{name}.ext").write_text(f"subjectAltName={alternative}\n")
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.ext"),
        )

    sign("server", "DNS:localhost,IP:127.0.0.1,IP:::1")
    sign("other", "DNS:other.example")
    sign("client", "DNS:client.example")
    openssl("pkcs8", "-topk8", "-in", "client.key", "-out", "encrypted.key", "-passout", "pass:secret")
    both = folder / "both.pem"
    both.write_text((folder / "other.pem").read_text() + (folder / "other.key").read_text())
    names = ("ca.pem", "server.pem", "server.key", "both.pem", "client.pem", "client.key", "encrypted.key")
    return Certificates(*(str(folder / name) for name in names))
