"""A receiver of webhooks that does as it is told, and what was posted to it."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook


class Receiver:
    """An HTTP server on this machine; `answers` are given one after the other, and 204 when they are used up.

    An answer is a status, a status with headers and a body, or a function that is called with the request's handler.
    """

    def __init__(self):
        self.posts, self.answers = [], []
        lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    receiver.posts.append((self.path, dict(self.headers), body))
                    answer = receiver.answers.pop(0) if receiver.answers else 204
                if callable(answer):
                    answer(self)
                    return
                status, headers, content = answer if isinstance(answer, tuple) else (answer, {}, b"")
                self.send_response(status)
                for name, value in {"Content-Length": len(content), **headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 100

            def handle_error(self, *arguments):
                pass  # who goes away in the middle of an answer

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server.server_port}/hooks"

    def verified(self, *secrets):
        """What was posted, as a program reads it that verifies the signatures with each of these secrets."""
        return [Webhook(secret).verify(body, headers) for _, headers, body in self.posts for secret in secrets]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
