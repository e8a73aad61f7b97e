"""A short run of orders in parts, by processes that are killed; `make chaos-parts` runs it for longer."""

import os
import re
import subprocess
import sys

from django.conf import settings

from products.tests.side_by_side import on_postgresql


@on_postgresql
def test_orders_in_parts_survive_the_death_of_processes():
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    command = [sys.executable, "-m", "chaos.parts", "--seconds=6", "--processes=4", "--seed=7"]

    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=kept, capture_output=True, text=True, check=False, timeout=120
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(" processes killed, 0 violations.\n")
    events = set(re.findall(r"order\.\w+", done.stdout))
    assert {"order.placed", "order.paid", "order.partly_shipped", "order.partly_cancelled"} <= events
