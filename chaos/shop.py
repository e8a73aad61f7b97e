"""The shop under test, as deployed: production settings, the shipped gunicorn.conf.py, and a load balancer."""

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
CHECK_INTERVAL = 0.2  # seconds between two health checks


class Server(Gunicorn):
    """One gunicorn."""

    patience = 60  # it starts on a machine under load

    def has_exited(self) -> bool:
        """Whether the master has exited; its parent waits for it later, so until then it is a zombie."""
        return psutil.Process(self.master()).status() == psutil.STATUS_ZOMBIE

    def kill(self) -> None:
        """Kill all processes with SIGKILL."""
        leash = psutil.Process(self.leash.pid)
        processes = leash.children(recursive=True)
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, 10)
        self.__exit__()

    def start_again(self) -> None:
        self.__enter__()


class Shop:
    """A context manager: servers on one database, and a load balancer that tells the clients which are ready.

    It writes their addresses, [[host, port], …], to the file `directory`. `application` is what gunicorn serves.
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
            thread = threading.Thread(target=self._check_repeatedly)
            stack.callback(thread.join)
            stack.callback(self.over.set)
            thread.start()
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stack.close()

    @property
    def main(self) -> Server:
        """The server that runs the whole time."""
        return self.servers[0]

    def open_server(self, **environment: str) -> Server:
        """Start another server, which is not in the directory yet."""
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
        """Keep these in the directory, and no others, while they are ready."""
        self.listed = list(servers)
        self._check()

    def _close_servers(self) -> None:
        for server in list(self.servers):
            self.close_server(server)

    def _check_repeatedly(self) -> None:
        while not self.over.wait(CHECK_INTERVAL):
            self._check()

    def _check(self) -> None:
        listed = list(self.listed)
        # If none is ready, list all, as load balancers do: they can at least answer with 503.
        ready = [server.address for server in listed if is_ready(server)] or [server.address for server in listed]
        text = json.dumps(ready)
        if not self.directory.exists() or self.directory.read_text() != text:
            written = self.directory.with_suffix(f".{time.monotonic_ns()}")
            written.write_text(text)
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
