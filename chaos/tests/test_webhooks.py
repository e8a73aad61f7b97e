"""A short run of workers that are killed; `make chaos-webhooks` takes longer."""

import os
import re
import subprocess
import sys

from django.conf import settings

from products.tests.side_by_side import on_postgresql


@on_postgresql
def test_every_event_arrives_in_order_and_signed_although_workers_are_killed():
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    command = [sys.executable, "-m", "chaos.webhooks", "--deliveries=100", "--kills=2", "--seconds=2", "--seed=7"]

    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=kept, capture_output=True, text=True, check=False, timeout=240
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Of 100 events 0 missing, \d+ arrived again, 0 orders out of order, 0 not verified", done.stdout)
    assert "workers killed: 2" in done.stdout
