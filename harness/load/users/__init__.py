"""Users to subclass in a locustfile. Those of HTTP and WebSocket have rooms of their own beside this one."""
