"""Users to subclass in a locustfile; HTTP and WebSocket users are in :mod:`harness.load.http` and :mod:`harness.load.websocket`."""
