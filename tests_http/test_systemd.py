"""systemd accepts the shipped units."""

import subprocess
from pathlib import Path

from tests_http.proxy import required
from tests_http.server import ROOT

UNITS = ROOT / "deploy" / "systemd"
# What exists on the target machine, and need not exist where the tests run.
REPLACEMENTS = {"/opt/shop/.venv/bin/gunicorn shop.wsgi": "/bin/true", "=shop\n": "=root\n"}


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    units = []
    for unit in UNITS.glob("shop.*"):
        text = unit.read_text()
        for there, here in REPLACEMENTS.items():
            text = text.replace(there, here)
        units.append(tmp_path / unit.name)
        units[-1].write_text(text)

    result = subprocess.run([required("systemd-analyze"), "verify", *units], capture_output=True, text=True)

    assert sorted(unit.name for unit in units) == ["shop.service", "shop.socket"]
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
