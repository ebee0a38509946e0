"""A server of HTTP/2 frames, in a process of its own: ``with served("tests.http.h2_peer") as url``.

The path says what becomes of a stream: ``/reset/7`` (RST_STREAM with that code), ``/goaway/11``, ``/silent``,
``/hang-up``; any other is answered with its name.
"""

from __future__ import annotations

import asyncio


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    from h2.events import RequestReceived

    peer = H2Connection(H2Configuration(client_side=False))
    peer.initiate_connection()
    writer.write(peer.data_to_send())
    while data := await reader.read(65536):
        for event in peer.receive_data(data):
            if not isinstance(event, RequestReceived):
                continue
            path = dict(event.headers)[b":path"].decode()
            what, _, code = path[1:].partition("/")
            if what == "reset":
                peer.reset_stream(event.stream_id, int(code))
            elif what == "goaway":
                peer.close_connection(int(code), last_stream_id=event.stream_id)
            elif what == "hang-up":
                writer.close()
                return
            elif what != "silent":
                peer.send_headers(event.stream_id, [(":status", "200"), ("content-type", "text/plain; charset=utf-8")])
                peer.send_data(event.stream_id, what.encode(), end_stream=True)
        writer.write(peer.data_to_send())


async def main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
