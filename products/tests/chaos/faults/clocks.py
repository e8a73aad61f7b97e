"""The time of day: a clock that jumps."""

import tempfile
import time
from pathlib import Path

from products.tests.chaos.databases import Postgres, Sqlite
from products.tests.chaos.faults.fault import Fault, Promise

LIBRARIES = [
    path for folder in ("/usr/lib", "/usr/local/lib") for path in Path(folder).glob("**/faketime/libfaketimeMT.so.1")
]
JUMPS = ["+0", "+2h", "-90m", "+10", "-3", "+1d", "-2d"]
SLEEP = Path(__file__).with_name("faketime")  # a sleep that works under it
BETWEEN_JUMPS = 0.7  # seconds


class ClockJumps(Fault):
    """The server's clock jumps, ahead and back, while it serves. Its monotonic clock goes on, as it does in life."""

    name = "clock_jumps"
    seconds = (4, 8)
    promise = Promise.NONE_FAILS

    @classmethod
    def why_not(cls, database: Postgres | Sqlite) -> str:
        return super().why_not(database) or ("" if LIBRARIES else "libfaketime is not installed")

    def begin(self) -> None:
        self.file = Path(tempfile.mkstemp(prefix="shop-chaos-clock-")[1])
        self.jumps, self.jumped_at = list(JUMPS), 0.0
        self.go_on()
        shop = self.scene.shop
        self.server = shop.open_server(
            LD_PRELOAD=str(LIBRARIES[0]),
            FAKETIME_TIMESTAMP_FILE=str(self.file),
            FAKETIME_NO_CACHE="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
            FAKETIME_DONT_RESET="1",
            # gunicorn keeps moments of its monotonic clock as the times of a file, which are to stay what they are.
            NO_FAKE_STAT="1",
            PYTHONPATH=str(SLEEP),
        )
        shop.list_only(self.server)

    def go_on(self) -> None:
        if time.monotonic() - self.jumped_at > BETWEEN_JUMPS:
            self.jumps = self.jumps[1:] + self.jumps[:1]
            self.file.write_text(self.jumps[-1])
            self.jumped_at = time.monotonic()

    def end(self) -> None:
        self.scene.shop.list_only(self.scene.shop.main)

    def clean_up(self) -> None:
        self.file.unlink(missing_ok=True)
        if hasattr(self, "server"):
            self.scene.shop.close_server(self.server)
