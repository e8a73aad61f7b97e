"""The shop under test, as it is deployed: production settings, gunicorn's shipped configuration, and a balancer."""

import http.client
import json
import secrets
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import psutil

from tests_http.server import Gunicorn

PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "ALLOWED_HOSTS": "127.0.0.1",
    "TRUSTED_PROXIES": "1",
}
FROM_PROXY = {"X-Forwarded-Proto": "https"}
BETWEEN_LOOKS = 0.2  # seconds between two looks at each server's health


class Server(Gunicorn):
    """One gunicorn, which can be ended in every way there is."""

    patience = 60  # it starts on a machine that is busy with orders

    def has_gone(self) -> bool:
        """Whether it has ended; its leash has not looked yet, so it is still listed."""
        return psutil.Process(self.master()).status() == psutil.STATUS_ZOMBIE

    def kill(self) -> None:
        """`kill -9` all of it."""
        leash = psutil.Process(self.leash.pid)
        processes = leash.children(recursive=True)
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, 10)
        self.__exit__()

    def start_again(self) -> None:
        self.__enter__()


class Shop:
    """A context manager: servers on one database, and a balancer that tells the clients which of them are ready.

    `directory` is the file in which it says so: [[host, port], …]. `application` is what gunicorn serves.
    """

    def __init__(self, database_url: str, folder: Path, *, application: str = "shop.wsgi") -> None:
        self.database_url, self.application = database_url, application
        self.directory = folder / "directory.json"
        self.log = folder / "server.log"
        self.servers: list[Server] = []
        self.listed: list[Server] = []
        self.over, self.stack = threading.Event(), ExitStack()

    def __enter__(self) -> Self:
        with self.stack as stack:
            stack.callback(self._close_servers)
            self.list_only(self.open_server())
            thread = threading.Thread(target=self._keep_looking)
            stack.callback(thread.join)
            stack.callback(self.over.set)
            thread.start()
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stack.close()

    @property
    def main(self) -> Server:
        """The server that is there all the time."""
        return self.servers[0]

    def open_server(self, **environment: str) -> Server:
        """Start one more, which nobody knows of yet."""
        values: dict[str, Any] = {"database_url": self.database_url, "headers": FROM_PROXY, "log": self.log}
        server = Server(**values | PRODUCTION | environment)
        server.application = self.application
        try:
            server.__enter__()
        except BaseException:
            server.__exit__()
            raise
        self.servers.append(server)
        return server

    def close_server(self, server: Server) -> None:
        server.__exit__()
        self.servers.remove(server)

    def list_only(self, *servers: Server) -> None:
        """Have these in the directory as long as they are ready."""
        self.listed = list(servers)
        self._look()

    def _close_servers(self) -> None:
        for server in list(self.servers):
            self.close_server(server)

    def _keep_looking(self) -> None:
        while not self.over.wait(BETWEEN_LOOKS):
            self._look()

    def _look(self) -> None:
        listed = list(self.listed)
        # As balancers do: where none is ready, they all are, since an answer from those is better than none at all.
        ready = [server.address for server in listed if is_ready(server)] or [server.address for server in listed]
        said = json.dumps(ready)
        if not self.directory.exists() or self.directory.read_text() != said:
            written = self.directory.with_suffix(f".{time.monotonic_ns()}")
            written.write_text(said)
            written.replace(self.directory)


def is_ready(server: Server) -> bool:
    probe = http.client.HTTPConnection(*server.address, timeout=2)
    try:
        probe.request("GET", "/health/ready", headers=FROM_PROXY)
        return probe.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        probe.close()
