"""A shop with four tills: python3 shop.py, then http://127.0.0.1:8000/buy"""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TILLS = threading.Semaphore(4)


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open, as real services do

    def do_GET(self):
        with TILLS:
            time.sleep(0.02)  # the work
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"sold\n")

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 1024  # with the default of 5 a herd is turned away before it is seen


Server(("127.0.0.1", 8000), Shop).serve_forever()
