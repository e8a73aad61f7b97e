"""How answers are written to their clients."""

import time
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from gunicorn.http import wsgi

SMALL = 65_536
"""Bytes that are copied rather than sent on their own."""


class Answer(wsgi.Response):
    """Sends the head with the beginning of the body: gunicorn sends it ahead, as a packet of its own."""

    headers_sent: bool

    def send_headers(self) -> None:
        """Not yet."""

    def sendfile(self, files: Any) -> bool:
        self._send(b"")  # since the file goes past us
        return bool(super().sendfile(files))

    def close(self) -> None:
        self._send(b"0\r\n\r\n" if self.chunked else b"")

    def _emit_body(self, data: bytes) -> None:
        self._send(b"%X\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    def _send(self, data: bytes) -> None:
        if not self.headers_sent:
            self.headers_sent = True
            lines = [*self.default_headers(), *(f"{name}: {value}\r\n" for name, value in self.headers), "\r\n"]
            head = "".join(lines).encode("latin-1")
            if len(data) > SMALL:
                self.sock.sendall(head)
            else:
                data = head + data
        if data:
            self.sock.sendall(data)


@lru_cache(1)
def date(second: int) -> str:
    """As in a Date header."""
    return formatdate(second, usegmt=True)


def http_date(timestamp: float | None = None) -> str:
    """gunicorn's, which makes the same text for each answer of a second anew."""
    return date(int(time.time() if timestamp is None else timestamp))
