"""WebSocket users on websocket-client: gevent's event loop, one greenlet a connection. See docs/websocket.md."""

from harness.load.websocket.deliveries import Deliveries, channel_of
from harness.load.websocket.feed import FeedOptions, FeedUser
from harness.load.websocket.users import WebSocketUser

__all__ = ["Deliveries", "FeedOptions", "FeedUser", "WebSocketUser", "channel_of"]
