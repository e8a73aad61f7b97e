"""A TCP proxy between the shop and its database, which can break the network between them."""

import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Self

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s


class Proxy:
    """A context manager: passes connections to `address` (host, port) on to `target`, or does what it is told."""

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
        """Be a network that works. What was on its way arrives now, as TCP would send it again."""
        self.cutting, self.delay = False, 0.0
        self.open.set()

    def cut(self) -> None:
        """Reset all connections, and every new one."""
        self.cutting = True
        self._reset_all()

    def swallow(self) -> None:
        """Be a black hole: connections stay, nothing arrives and nobody is told."""
        self.open.clear()

    def slow_down(self, seconds: float) -> None:
        """Take this long to pass on whatever is sent, in each direction."""
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
        self.open.wait()  # not even an end is heard out of a black hole
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
            self.sockets.discard(each)

    def _reset_all(self) -> None:
        for each in list(self.sockets):
            reset(each)


def reset(connection: socket.socket) -> None:
    """End a connection as a network does that forgets it: both sides learn of it, and neither said so."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.shutdown(socket.SHUT_RDWR)
