"""Clients who behave badly: they hang up, or take for ever."""

import json
import select
import socket
from contextlib import suppress

from chaos.faults.fault import Fault
from chaos.shop import Server

HASTY = 2
SLOW = 8  # as many as a server with the shipped configuration has threads
HALF_A_LINE = b"POST /api/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nX-For"


class ClientsHangUp(Fault):
    """Clients who hang up in mid-request, or before its answer, and ask again."""

    name = "clients_hang_up"
    seconds = (3, 8)

    def begin(self) -> None:
        people = self.random.sample([each["name"] for each in self.scene.stage["people"][:-1]], HASTY)
        self.clients = [self.scene.crew.hire("hasty", person) for person in people]

    def end(self) -> None:
        self.scene.crew.dismiss(*self.clients)


class Throttled(Fault):
    """Somebody asks a server for more than its limit allows, while the others go on at theirs."""

    name = "throttled"
    seconds = (2, 5)
    requests_per_minute = 20
    server: Server | None = None

    def begin(self) -> None:
        shop = self.scene.shop
        self.server = shop.open_server(REQUESTS_PER_MINUTE=str(self.requests_per_minute))
        directory = shop.directory.with_name("limited.json")
        directory.write_text(json.dumps([self.server.address]))
        self.client = self.scene.crew.hire("greedy", self.scene.stage["people"][-2]["name"], directory)

    def end(self) -> None:
        self.scene.crew.dismiss(self.client)

    def clean_up(self) -> None:
        if self.server:
            self.scene.shop.close_server(self.server)


class SlowClients(Fault):
    """Half-open connections: as many as there are threads have sent half a header line, and leave it at that."""

    name = "slow_clients"
    seconds = (5, 15)

    def begin(self) -> None:
        self.sockets: list[socket.socket] = []
        self.go_on()

    def go_on(self) -> None:
        """Come again as often as they are thrown out."""
        thrown_out, _, _ = select.select(self.sockets, [], [], 0)
        for connection in thrown_out:
            connection.close()
            self.sockets.remove(connection)
        for _ in range(SLOW - len(self.sockets)):
            with suppress(OSError):
                connection = socket.create_connection(self.scene.shop.main.address, timeout=2)
                connection.sendall(HALF_A_LINE)
                self.sockets.append(connection)

    def end(self) -> None:
        for connection in self.sockets:
            connection.close()
