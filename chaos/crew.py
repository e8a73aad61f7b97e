"""The clients at work: starts their processes and calls their end."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from chaos.clients.client import GRACE, PATIENCE
from tests_http.server import ROOT

Process = subprocess.Popen[bytes]


class Crew:
    """A context manager: clients that are hired work until they are dismissed, at the latest when the `with` ends."""

    def __init__(self, stage: dict[str, Any], folder: Path, directory: Path, seed: int) -> None:
        self.stage, self.folder, self.directory = stage, folder, directory
        self.random = random.Random(f"crew {seed}")
        self.processes: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.dismiss(*self.processes, patience=1 if any(exception) else GRACE + PATIENCE)

    def hire(self, role: str, person: str, directory: Path | None = None) -> Process:
        """Start a client who has the token of `person`, and looks into that directory instead of everybody's."""
        [someone] = [each for each in self.stage["people"] if each["name"] == person]
        name = f"{role}-{len(list(self.folder.glob('*.jsonl'))) + 1}"
        settings = someone | {
            "name": name,
            "role": role,
            "seed": self.random.getrandbits(32),
            "history": str(self.folder / f"{name}.jsonl"),
            "directory": str(directory or self.directory),
            "products": self.stage["products"],
        }
        Path(settings["history"]).touch()
        command = [sys.executable, "-m", "chaos.clients", json.dumps(settings)]
        # Their input ends with us, however we end, and so do they. A Ctrl-C is for us, who then call their end.
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True)
        self.processes.append(process)
        return process

    def dismiss(self, *processes: Process, patience: float = GRACE + PATIENCE) -> None:
        """Have them bring to an end what they are at, and wait for it `patience` seconds each at the most."""
        for process in processes:
            if process.stdin and not process.stdin.closed:
                process.stdin.close()
        for process in processes:
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process in self.processes:
                self.processes.remove(process)

    def check(self) -> None:
        """Raises AssertionError where one of them has ended by itself: then its history is no history."""
        for process in self.processes:
            assert process.poll() is None, "a client has ended by itself; its words are above"
