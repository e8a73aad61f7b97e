"""A TCP proxy between the shop and its database that can simulate network failures."""

import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Self

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s


class Proxy:
    """A context manager: forwards connections from `address` to `target`, both (host, port), until told otherwise."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address: tuple[str, int] = self.listener.getsockname()
        self.open, self.cutting, self.delay = threading.Event(), False, 0.0
        self.open.set()
        self.sockets: set[socket.socket] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.listener.close()
        self.open.set()
        self._reset_all()

    def pass_on(self) -> None:
        """Work normally again. Data held back is delivered now, as TCP would by retransmission."""
        self.cutting, self.delay = False, 0.0
        self.open.set()

    def cut(self) -> None:
        """Reset all connections, including new ones."""
        self.cutting = True
        self._reset_all()

    def black_hole(self) -> None:
        """Drop everything silently: connections stay open, nothing arrives, and no error is reported."""
        self.open.clear()

    def slow_down(self, seconds: float) -> None:
        """Delay everything by `seconds` in each direction."""
        self.delay = seconds

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self.open.wait()
        if self.cutting:
            reset(client)
            client.close()
            return
        try:
            server = socket.create_connection(self.target, timeout=5)
        except OSError:
            client.close()
            return
        pair = {client, server}
        for each in pair:
            each.settimeout(None)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sockets |= pair
        threading.Thread(target=self._pump, args=(server, client), daemon=True).start()
        self._pump(client, server)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self.open.wait()
                if self.delay:
                    time.sleep(self.delay)
                sink.sendall(data)
        self.open.wait()  # a black hole does not deliver the end of a connection either
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
            self.sockets.discard(each)

    def _reset_all(self) -> None:
        for each in list(self.sockets):
            reset(each)


def reset(connection: socket.socket) -> None:
    """Reset a connection, which both sides see as an error."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.shutdown(socket.SHUT_RDWR)
