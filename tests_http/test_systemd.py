"""systemd accepts the shipped units."""

import subprocess
from pathlib import Path

from django.core.management import get_commands

from tests_http.proxy import required
from tests_http.server import ROOT

UNITS = ROOT / "deploy" / "systemd"
# What exists on the target machine, and need not exist where the tests run.
REPLACEMENTS = {
    "/opt/shop/.venv/bin/gunicorn shop.wsgi": "/bin/true",
    "/opt/shop/.venv/bin/python": "/bin/true",
    "=shop\n": "=root\n",
}
# What the README starts of each template.
INSTANCES = {
    "shop-chore@.service": ["check_stock", "migrate", "purge"],
    "shop-worker@.service": ["number_events", "send_mail_notices", "send_webhooks"],
}


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    units = []
    for unit in UNITS.glob("shop*.*"):
        text = unit.read_text()
        for there, here in REPLACEMENTS.items():
            text = text.replace(there, here)
        for name in [unit.name.replace("@", f"@{instance}") for instance in INSTANCES.get(unit.name, [""])]:
            units.append(tmp_path / name)
            units[-1].write_text(text)

    result = subprocess.run([required("systemd-analyze"), "verify", *units], capture_output=True, text=True)

    assert len(units) == 10
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_units_and_their_readme_start_commands_that_there_are() -> None:
    readme = (UNITS / "README.md").read_text()
    timers = " ".join(timer.read_text() for timer in UNITS.glob("*.timer"))

    for template, instances in INSTANCES.items():
        name = template.removesuffix(".service")

        assert [each for each in instances if f"{name}{each}" not in readme + timers] == []
        assert [each for each in instances if each not in get_commands()] == []


def test_a_worker_and_a_chore_may_do_no_more_than_a_server() -> None:
    server = (UNITS / "shop.service").read_text()
    confinement = server[server.index("NoNewPrivileges") : server.index("[Install]")].strip()

    assert [unit.name for unit in UNITS.glob("*.service") if confinement not in unit.read_text()] == []
