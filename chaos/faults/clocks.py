"""The time of day: a clock that jumps."""

import os
import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from chaos.databases import Postgres, Sqlite
from chaos.faults.fault import Fault, Promise
from chaos.shop import Server

SOURCE = Path(__file__).with_name("clock.c")
COMPILER = shutil.which("cc")
JUMPS = [0, 7_200, -5_400, 10, -3, 86_400, -172_800]  # seconds ahead of the right time
BETWEEN_JUMPS = 0.7  # seconds


class ClockJumps(Fault):
    """The server's clock jumps, ahead and back, while it serves."""

    name = "clock_jumps"
    seconds = (4, 8)
    promise = Promise.NONE_FAILS
    server: Server | None = None

    @classmethod
    def why_not(cls, database: Postgres | Sqlite) -> str:
        return super().why_not(database) or ("" if COMPILER else "there is no C compiler for the clock that can be set")

    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="shop-chaos-clock-"))
        self.clock, library = self.folder / "clock", self.folder / "clock.so"
        self.clock.write_bytes(struct.pack("q", 0))
        self.jumps, self.jumped_at = list(JUMPS), time.monotonic()
        subprocess.run([str(COMPILER), "-shared", "-fPIC", "-O1", "-o", library, SOURCE], check=True)
        self.server = self.scene.shop.open_server(LD_PRELOAD=str(library), CLOCK_OFFSET_FILE=str(self.clock))
        self.scene.shop.list_only(self.server)

    def go_on(self) -> None:
        if time.monotonic() - self.jumped_at > BETWEEN_JUMPS:
            self.jumps = self.jumps[1:] + self.jumps[:1]
            self._set(self.jumps[0])
            self.jumped_at = time.monotonic()

    def end(self) -> None:
        self.scene.shop.list_only(self.scene.shop.main)

    def clean_up(self) -> None:
        if self.server:
            self.scene.shop.close_server(self.server)
        shutil.rmtree(self.folder)

    def _set(self, seconds: int) -> None:
        # In place, as the server looks at the file's page and not at its name.
        with self.clock.open("r+b") as file:
            os.pwrite(file.fileno(), struct.pack("q", seconds), 0)
