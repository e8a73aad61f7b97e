"""What the commands in this folder need: a database with one customer and one product, and production's settings."""

import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests_http.proxy import NAME
from tests_http.server import ROOT

PRODUCTION: dict[str, Any] = {
    "DEBUG": "false",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "ALLOWED_HOSTS": f"{NAME},127.0.0.1",
    "TRUSTED_PROXIES": "1",
}
CREATE = """
from django.contrib.auth.models import User
from products.models import ApiToken, Product
mug = Product.objects.create(sku="MUG", name="Mug", price="4.50", stock=1_000_000)
print(ApiToken.objects.issue(User.objects.create_user("alice"))[1], mug.pk)
"""


@dataclass(frozen=True)
class SampleShop:
    """A database, the token of its customer, and the id of its product."""

    database_url: str
    token: str
    product: int


def create(folder: Path) -> SampleShop:
    """Create the sample data in the empty database of DATABASE_URL, or in a new SQLite file if that is not set."""
    url = os.environ.get("DATABASE_URL") or f"sqlite:///{folder / 'shop.sqlite3'}"
    manage("migrate", "--verbosity=0", url=url)
    token, product = manage("shell", "--verbosity=0", f"--command={CREATE}", url=url).split()
    return SampleShop(url, token, int(product))


def manage(*arguments: str, url: str) -> str:
    """Run a command of manage.py with this database, and return what it prints."""
    environment = os.environ | {"DATABASE_URL": url}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
