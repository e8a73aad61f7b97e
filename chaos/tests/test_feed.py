"""A short run of readers beside processes that write; `make chaos-feed` runs it for longer."""

import os
import re
import subprocess
import sys

from django.conf import settings

from products.tests.side_by_side import on_postgresql


@on_postgresql
def test_a_reader_of_the_feed_misses_nothing_and_is_told_the_stock_that_is():
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    command = [sys.executable, "-m", "chaos.feed", "--seconds=4", "--processes=6", "--seed=7"]

    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=kept, capture_output=True, text=True, check=False, timeout=120
    )

    assert done.returncode == 0, done.stdout + done.stderr
    told = {
        name: (int(events.replace(",", "")), int(skipped.replace(",", "")))
        for name, events, skipped in re.findall(r"Reader by (.+): ([\d,]+) told, ([\d,]+) skipped", done.stdout)
    }
    assert told["feed"][0] > 50
    assert told["feed"][1] == 0
    assert told["id >"][1] > 0  # the comparison shows what the feed is for
