"""Starts and stops the client processes."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from chaos.clients.client import GIVE_UP_AT_END, TIMEOUT
from tests_http.server import ROOT

Process = subprocess.Popen[bytes]


class ClientPool:
    """A context manager: the clients started in it run until they are stopped, at the latest when the `with` ends.

    Each writes its history to a file in `folder`, and reads the servers' addresses from the file `directory`.
    """

    def __init__(self, data: dict[str, Any], folder: Path, directory: Path, seed: int) -> None:
        self.data, self.folder, self.directory = data, folder, directory
        self.random = random.Random(f"clients {seed}")
        self.processes: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop(*self.processes, timeout=1 if any(exception) else GIVE_UP_AT_END + TIMEOUT)

    def start(self, role: str, person: str, directory: Path | None = None) -> Process:
        """Start a client with the token of `person`. `directory` replaces the one that all clients read."""
        [account] = [each for each in self.data["people"] if each["name"] == person]
        name = f"{role}-{len(list(self.folder.glob('*.jsonl'))) + 1}"
        settings = account | {
            "name": name,
            "role": role,
            "seed": self.random.getrandbits(32),
            "history": str(self.folder / f"{name}.jsonl"),
            "directory": str(directory or self.directory),
            "products": self.data["products"],
        }
        Path(settings["history"]).touch()
        command = [sys.executable, "-m", "chaos.clients", json.dumps(settings)]
        # Clients stop when their standard input is closed, however this process ends. A Ctrl-C reaches only this one.
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True)
        self.processes.append(process)
        return process

    def stop(self, *processes: Process, timeout: float = GIVE_UP_AT_END + TIMEOUT) -> None:
        """Let clients finish their current requests and wait for each, for at most `timeout` seconds."""
        for process in processes:
            if process.stdin and not process.stdin.closed:
                process.stdin.close()
        for process in processes:
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process in self.processes:
                self.processes.remove(process)

    def check(self) -> None:
        """Raise AssertionError if a client has ended by itself, because its history is then incomplete."""
        for process in self.processes:
            assert process.poll() is None, "A client has ended by itself; its error is above."
