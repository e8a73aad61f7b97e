"""Schemathesis holds the shop and its OpenAPI document to each other, with all of its checks.

What it is told is in schemathesis.toml, people.yaml and schemathesis_hooks.py. Here it has about a minute and always
the same seed; `make fuzz` gives it more time, and another seed each time.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from products.models import Category, Order
from tests_http.server import Gunicorn

# Ids begin at 1, as in the document's examples and in schemathesis.toml.
pytestmark = pytest.mark.django_db(transaction=True, reset_sequences=True)

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = os.environ.get("FUZZ_EXAMPLES") or "2"
SECONDS = os.environ.get("FUZZ_SECONDS")
SEED = os.environ.get("FUZZ_SEED") or "20260131"

# What the one may not do, and what is the same for the other: nobody learns anything from a minute of 403.
LEFT_OUT = {
    "alice": r"/stock$|/(pay|ship|deliver|return|refunds)$|/shipments/",
    "superuser": r"/cart|/quote$|token|/docs$|/schema$",
}


@pytest.fixture
def a_shop(settings, a_product):
    """The people of people.yaml, and the goods and orders that the document's examples and schemathesis.toml name."""
    settings.PASSWORD_HASHERS = ["shop.password_hashers.Argon2"]  # the server knows no quick ones
    alice = User.objects.create_user("alice", password="alice-likes-mugs")
    User.objects.create_user("bob", password="bob-likes-mugs")
    User.objects.create_superuser("superuser", password="superuser-has-mugs")
    kitchen = Category.objects.create(slug="kitchen", name="Kitchen")
    Category.objects.create(slug="mugs", name="Mugs", parent=kitchen)
    goods = [(a_product(sku=sku, stock=1_000_000, category=kitchen), 1) for sku in ("MUG-STONE", "LAMP-DESK")]
    number = "019c13f4-0000-7000-8000-00000000000{}".format
    orders = [Order.objects.create(pk=number(each), customer=alice, items=goods) for each in range(1, 7)]
    for order in orders[2:]:
        order.pay()
    for order in orders[4:]:
        order.ship()


def schemathesis(who, address, report):
    """Let Schemathesis ask everything that it can think of; its words go where the test's go."""
    options = [
        f"--auth-wfc-user={who}",
        f"--exclude-path-regex={LEFT_OUT[who]}",
        f"--max-examples={EXAMPLES}",
        f"--report-json-path={report}",
        *([f"--max-time={SECONDS}"] if SECONDS else []),
        *([f"--seed={SEED}"] if SEED != "random" else []),
    ]
    command = [Path(sys.executable).with_name("st"), f"--config-file={CONFIG}", "run", *options]
    url = "http://{}:{}/api/schema".format(*address)
    return subprocess.run([*command, url], cwd=settings.BASE_DIR, stdin=subprocess.DEVNULL, check=False).returncode


@pytest.mark.parametrize("who", LEFT_OUT)
@pytest.mark.usefixtures("a_shop")
def test_schemathesis_finds_nothing(who, tmp_path, capfd):
    report = tmp_path / "report.json"

    with Gunicorn(LOGINS_PER_NAME="0", LOGINS_PER_ADDRESS="0") as server:
        code = schemathesis(who, server.address, report)

    found = json.loads(report.read_text())
    cases = found["test_cases"]
    with capfd.disabled():
        sys.stdout.write(
            f"\nSchemathesis as {who}, seed {found['seed']}: {found['operations']['tested']} operations,"
            f" {cases['generated']} cases, {cases['unique_failures']} failures,"
            f" {found['filtered']} answers set aside, {found['running_time']:.0f} s\n"
        )
    assert (code, found["failures"], found["errors"]) == (0, [], [])
