"""Argon2 verification in a bounded thread pool: the part of a login that costs CPU."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


class Passwords:
    """Verifies in `threads` threads (argon2 releases the GIL); everybody else waits in arrival order."""

    def __init__(self, threads: int, memory_kib: int, time_cost: int) -> None:
        self._hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="argon2")
        # An unknown user costs as much as a known one, so that response times do not tell who has an account.
        self._nobody = self._hasher.hash("nobody has this password")

    async def verify(self, stored_hash: str | None, password: str) -> bool:
        """Whether `password` fits; False for an unknown user (`stored_hash` None), after the same work."""
        loop = asyncio.get_running_loop()
        fits = await loop.run_in_executor(self._threads, self._verify, stored_hash or self._nobody, password)
        return fits and stored_hash is not None

    def _verify(self, stored_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def close(self) -> None:
        """Drop what is queued; at most one verification a thread is still finished."""
        self._threads.shutdown(wait=False, cancel_futures=True)
