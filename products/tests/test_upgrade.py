"""A database of an earlier release, with orders and products in it, is brought up to date by `manage.py migrate`."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

from products.tests.postgres import PostgresServer

OLD = {"auth": "0012_alter_user_first_name_max_length", "products": "0002_append_only"}
ROWS = """
INSERT INTO auth_user (id, username, password, first_name, last_name, email, is_superuser, is_staff, is_active,
    date_joined) VALUES (1, 'alice', '!', '', '', '', false, false, true, '2026-01-31 12:00:00+00:00');
INSERT INTO products_product (id, sku, name, description, price, stock, created_at, updated_at)
    VALUES (1, 'MUG', 'Mug', '', 4.50, 0, '2026-01-31 12:00:00+00:00', '2026-01-31 12:00:00+00:00');
INSERT INTO products_order (id, customer_id, status, total, currency, request_digest, payment_reference, carrier,
    tracking_number, created_at, placed_at) VALUES ('019c13f47c1e7b52a1c53e7b1f0c6d2a', 1, 'CANCELLED', 4.50, 'EUR',
    '', '', '', '', '2026-01-31 12:00:00+00:00', '2026-01-31 12:00:00+00:00');
"""
READ = """
from products.models import Order, Product
print([product.sku for product in Product.objects.all()], [str(order.total) for order in Order.objects.all()])
"""


def manage(url, *arguments):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=kept | {"DATABASE_URL": url, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def url(tmp_path):
    """An empty database of the kind that the tests run on."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path / 'shop.sqlite3'}"
    else:
        with PostgresServer() as server:
            yield server.url


def test_an_earlier_database_is_migrated_with_what_is_in_it(url):
    for app, migration in OLD.items():
        manage(url, "migrate", app, migration, "--verbosity=0")
    manage(url, "shell", "--verbosity=0", "--command", f"from django.db import connection\n{execute(ROWS)}")

    manage(url, "migrate", "--verbosity=0")

    assert manage(url, "shell", "--verbosity=0", "--command", READ).splitlines()[-1] == "['MUG'] ['4.50']"
    assert "No changes detected" in manage(url, "makemigrations", "--check", "--dry-run")
    manage(url, "check", "--database", "default")


def execute(statements):
    """Return Python that executes the SQL statements."""
    return "\n".join(
        f"connection.cursor().execute({statement!r})" for statement in statements.split(";\n") if statement.strip()
    )
