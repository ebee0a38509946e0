"""A FastAPI service for tests: OAuth2 with the password grant, JWTs, and refresh tokens that are good for one use; see
services.py.

``python -m tests.run.fastapi_app ACCOUNTS LIFE_S [FAULT]``. ``/counts`` says how often what was granted,
``/issued`` has all tokens. The fault
``refresh_500`` fails each refresh, ``mixed_up`` answers about whoever asked before, and
``any_token`` takes anybody's token for anybody's page.
"""

import asyncio
import secrets
import socket
import sys
import time
from collections import Counter
from typing import Annotated, Any

import jwt
import uvicorn
from fastapi import Depends, FastAPI, Form, HTTPException
from fastapi.security import OAuth2PasswordBearer

from tests.run.accounts import password_of

KEY = "of a test, and long enough for what signs with it"
ACCOUNTS, LIFE_S, FAULT = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ""

app = FastAPI()
passwords = {f"member{number}": password_of(number) for number in range(ACCOUNTS)}
refresh_tokens: dict[str, str] = {}
counts: Counter[str] = Counter()
issued: list[str] = []
before = [""]


def granted(username: str) -> dict[str, Any]:
    refresh_token = secrets.token_urlsafe(16)
    refresh_tokens[refresh_token] = username
    claims = {"sub": username, "exp": time.time() + LIFE_S, "jti": secrets.token_hex(4)}
    token = jwt.encode(claims, KEY, "HS256")
    issued.extend((token, refresh_token))
    return {"access_token": token, "token_type": "bearer", "expires_in": LIFE_S, "refresh_token": refresh_token}


@app.post("/token")
async def token(
    grant_type: Annotated[str, Form()],
    username: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    refresh_token: Annotated[str, Form()] = "",
) -> dict[str, Any]:
    counts[grant_type] += 1
    if grant_type == "refresh_token":
        if FAULT == "refresh_500":
            raise HTTPException(500)
        owner = refresh_tokens.pop(refresh_token, "")
        if not owner:
            raise HTTPException(400, "invalid_grant")
        return granted(owner)
    if grant_type != "password" or passwords.get(username) != password:
        raise HTTPException(400, "invalid_grant")
    counts[f"login {username}"] += 1
    return granted(username)


Token = Annotated[str, Depends(OAuth2PasswordBearer("token"))]


def owner_of(token: str) -> str:
    try:
        return str(jwt.decode(token, KEY, ["HS256"])["sub"])
    except jwt.InvalidTokenError:
        counts["refused"] += 1
        raise HTTPException(401) from None


@app.get("/users/me")
async def me(token: Token) -> dict[str, str]:
    username = owner_of(token)
    before[0], said = username, before[0] if FAULT == "mixed_up" else username
    return {"username": said}


@app.get("/users/{username}")
async def page(username: str, token: Token) -> dict[str, str]:
    if owner_of(token) != username and FAULT != "any_token":
        raise HTTPException(403)
    return {"username": username}


@app.get("/counts")
async def counted() -> dict[str, int]:
    return dict(counts)


@app.get("/issued")
async def given_out() -> list[str]:
    return issued


@app.get("/")
async def well() -> str:
    return "well"


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    asyncio.run(uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_keep_alive=60)).serve([listener]))
