"""/ledger: entries with a client's own id, acknowledged after their commit: what a failover may not lose or double."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress

from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from target.faults.contract import AcknowledgesEarly, ForgetsIdempotency
from target.service.ledger_store import Entry, LedgerStore
from target.service.request_body import (
    IdempotencyKey,
    MalformedBody,
    idempotency_key,
    json_object,
    number_in_query,
    text,
    word,
)
from target.service.resources import Resources
from target.service.served_by import served_by
from target.service.unavailable import Unavailable

LONGEST_VALUE = 1024
LONGEST_CLIENT = 200
LONGEST_PAGE = 10_000
SETTLE_RETRY_S = 0.1


def routes(resources: Resources) -> list[Route]:
    settings, faults = resources.settings, resources.faults
    store = LedgerStore(resources.database)
    writes = Counter("target_ledger_writes", "Writes by outcome.", ["outcome"], registry=resources.metrics.registry)
    for outcome in ("written", "replayed", "refused"):
        writes.labels(outcome)
    late: set[asyncio.Task[None]] = set()

    async def add(request: Request) -> JSONResponse:
        document = await json_object(request)
        entry = Entry(
            word(document, "id"), text(document, "client", LONGEST_CLIENT), text(document, "value", LONGEST_VALUE)
        )
        key = idempotency_key(request, document, entry.id)
        fault = faults.active
        after_s = fault.acknowledges_early(entry.id) if isinstance(fault, AcknowledgesEarly) else None
        if isinstance(fault, AcknowledgesEarly) and after_s is not None:
            task = asyncio.create_task(write_late(entry, key, after_s, fault))
            late.add(task)
            task.add_done_callback(late.discard)
            writes.labels("written").inc()
            primary = resources.database.monitor.primary()
            node = "primary" if primary is None else primary.name
            body = {"id": entry.id, "seq": None, "replayed": False, "instance": settings.name, "node": node}
            return JSONResponse(body, status_code=201, headers={"X-Served-By": node, "X-Read-From": "primary"})
        added = await store.add(entry, key)
        if added.seq is None:
            writes.labels("refused").inc()
            reason = "this Idempotency-Key was used for another request"
            return JSONResponse({"error": reason, "id": entry.id}, status_code=422)
        seq, answer = added.seq, added.answer
        if added.replayed and isinstance(fault, ForgetsIdempotency) and fault.writes_again(entry.id):
            answer = await store.add_again(entry)
            assert answer.row is not None  # INSERT … RETURNING
            seq = answer.row[0]
            writes.labels("written").inc()
            replayed = False
        else:
            replayed = added.replayed
            writes.labels("replayed" if replayed else "written").inc()
        headers = served_by(answer) | ({"Idempotent-Replayed": "true"} if replayed else {})
        return JSONResponse(
            {"id": entry.id, "seq": seq, "replayed": replayed, "instance": settings.name, "node": answer.node},
            status_code=200 if replayed else 201,
            headers=headers,
        )

    async def write_late(entry: Entry, key: IdempotencyKey, after_s: float, fault: AcknowledgesEarly) -> None:
        """Its client believes that it is written."""
        if math.isinf(after_s):
            fault.settled(entry.id, False)
            return
        await asyncio.sleep(after_s)
        with suppress(Unavailable):  # committed or not: the primary knows
            await store.add(entry, key)
        while True:
            try:
                found = await store.find(entry.id, primary=True)
                break
            except Unavailable:
                await asyncio.sleep(SETTLE_RETRY_S)
        fault.settled(entry.id, found.row is not None and found.row[0] is not None)

    async def find(request: Request) -> JSONResponse:
        entry_id = word(request.path_params, "id")
        answer = await store.find(entry_id, _from_primary(request))
        row = answer.row
        assert row is not None  # an aggregate gives one row
        if row[0] is None:
            body = {"error": "no such entry", "id": entry_id, "instance": settings.name, "node": answer.node}
            return JSONResponse(body, status_code=404, headers=served_by(answer))
        body = {
            "id": entry_id,
            "seq": row[0],
            "copies": row[1],
            "client": row[2],
            "value": row[3],
            "written_at": row[4].isoformat(),
            "instance": settings.name,
            "node": answer.node,
        }
        return JSONResponse(body, headers=served_by(answer))

    async def listed(request: Request) -> JSONResponse:
        client = text({"client": request.query_params.get("client", "")}, "client", LONGEST_CLIENT)
        after = number_in_query(request, "after", 0, 2**63 - 1)
        limit = number_in_query(request, "limit", 1000, LONGEST_PAGE)
        answer = await store.listed(client, after, limit, _from_primary(request))
        body = {
            "client": client,
            "entries": [{"seq": seq, "id": entry_id} for seq, entry_id in answer.rows],
            "next": answer.rows[-1][0] if 0 < limit == len(answer.rows) else None,
            "instance": settings.name,
            "node": answer.node,
        }
        return JSONResponse(body, headers=served_by(answer))

    return [
        Route("/ledger", add, methods=["POST"]),
        Route("/ledger", listed, methods=["GET"]),
        Route("/ledger/{id}", find, methods=["GET"]),
    ]


def _from_primary(request: Request) -> bool:
    """`?read=primary`; otherwise from a replica, when one can be read."""
    read = request.query_params.get("read", "replica")
    if read not in ("primary", "replica"):
        raise MalformedBody("read must be primary or replica")
    return read == "primary"
