"""Clients that misbehave: they disconnect, exceed their limit, or are slow."""

import json
import select
import socket
from contextlib import suppress

from chaos.faults.fault import Fault
from chaos.shop import Server

HASTY = 2
SLOW = 8  # the threads of a server with the shipped configuration
HALF_A_HEADER = b"POST /api/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nX-For"


class ClientsHangUp(Fault):
    """Clients disconnect in the middle of a request or before its answer, and send it again."""

    name = "clients_disconnect"
    seconds = (3, 8)

    def begin(self) -> None:
        people = self.random.sample([each["name"] for each in self.context.data["people"][:-1]], HASTY)
        self.clients = [self.context.clients.start("hasty", person) for person in people]

    def end(self) -> None:
        self.context.clients.stop(*self.clients)


class Throttled(Fault):
    """One client exceeds the rate limit of a server of its own, while the others use another server."""

    name = "throttled"
    seconds = (2, 5)
    requests_per_minute = 20
    server: Server | None = None

    def begin(self) -> None:
        shop = self.context.shop
        self.server = shop.open_server(REQUESTS_PER_MINUTE=str(self.requests_per_minute))
        directory = shop.directory.with_name("limited.json")
        directory.write_text(json.dumps([self.server.address]))
        self.client = self.context.clients.start("greedy", self.context.data["people"][-2]["name"], directory)

    def end(self) -> None:
        self.context.clients.stop(self.client)

    def clean_up(self) -> None:
        if self.server:
            self.context.shop.close_server(self.server)


class SlowClients(Fault):
    """Half-open connections, as many as there are threads, each with half a header line."""

    name = "slow_clients"
    seconds = (5, 15)

    def begin(self) -> None:
        self.sockets: list[socket.socket] = []
        self.tick()

    def tick(self) -> None:
        """Reconnect whenever the server has closed a connection."""
        closed, _, _ = select.select(self.sockets, [], [], 0)
        for connection in closed:
            connection.close()
            self.sockets.remove(connection)
        for _ in range(SLOW - len(self.sockets)):
            with suppress(OSError):
                connection = socket.create_connection(self.context.shop.main.address, timeout=2)
                connection.sendall(HALF_A_HEADER)
                self.sockets.append(connection)

    def end(self) -> None:
        for connection in self.sockets:
            connection.close()
