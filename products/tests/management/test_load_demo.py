import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from products.management.demo import PASSWORDS
from products.models import ApiToken, Category, Event, Order, Product, Status, StockMovement

MODELS = [User, Category, Product, StockMovement, Order, Event]


@pytest.fixture(autouse=True)
def _debug(settings):
    settings.DEBUG = True


def load_demo(capsys, **options):
    call_command("load_demo", **options)
    return capsys.readouterr().out


def calls(printed):
    return printed.partition("in this directory:\n\n")[2].strip()


def test_the_demo_data_has_products_users_and_an_order_in_every_status_that_needs_no_deadline(db, capsys):
    printed = load_demo(capsys)

    assert printed.startswith("Demo data is loaded.\n")
    assert (Category.objects.count(), Product.objects.count(), Product.objects.retired().count()) == (4, 30, 1)
    assert set(Order.objects.values_list("status", flat=True)) == set(Status.values) - {"EXPIRED"}
    assert list(Product.objects.out_of_balance()) == []


def test_loading_a_second_time_changes_nothing(db, capsys):
    load_demo(capsys)
    mug = Product.objects.first()
    mug.receive(5)
    before = [model.objects.count() for model in MODELS]

    printed = load_demo(capsys)

    assert printed.startswith("Demo data was already loaded; nothing was changed.\n")
    assert [model.objects.count() for model in MODELS] == before


def test_every_user_it_names_can_log_in(db, capsys):
    printed = load_demo(capsys)

    assert re.findall(r"(\w+) / (\S+)", printed) == list(PASSWORDS.items())
    assert {name: Client().login(username=name, password=word) for name, word in PASSWORDS.items()} == dict.fromkeys(
        PASSWORDS, True
    )


def test_staff_manage_the_shop_and_only_the_superuser_manages_staff(db, capsys):
    load_demo(capsys)

    staff, admin = User.objects.get(username="staff"), User.objects.get(username="admin")
    assert (staff.is_staff, staff.is_superuser, admin.is_staff, admin.is_superuser) == (True, False, True, True)
    assert [staff.has_perm(p) for p in ("products.add_stockmovement", "products.change_order", "auth.view_user")] == [
        True,
        True,
        True,
    ]
    assert [staff.has_perm(p) for p in ("auth.change_user", "auth.add_group", "auth.change_group")] == [False] * 3
    in_roles = User.objects.filter(is_staff=True).exclude(username__in=["staff", "admin"])
    assert dict(in_roles.values_list("username", "groups__name")) == {
        "viewer": "Viewer",
        "clerk": "Clerk",
        "keeper": "Stock keeper",
        "manager": "Manager",
    }


def test_an_existing_user_keeps_their_password(alice, capsys):
    alice.set_password("her own")
    alice.save()

    load_demo(capsys)

    alice.refresh_from_db()
    assert alice.check_password("her own")
    assert Order.objects.of(alice).count() > 0


def test_publicly_known_passwords_are_not_loaded_in_production(db, settings):
    settings.DEBUG = False

    with pytest.raises(CommandError, match="DEBUG=true only"):
        call_command("load_demo")

    assert [model.objects.count() for model in MODELS] == [0] * len(MODELS)


def test_it_prints_the_same_calls_as_the_readme(db, capsys):
    printed = calls(load_demo(capsys, port=8000))

    readme = Path(settings.BASE_DIR, "README.md").read_text()
    first_block = readme.partition("## A first order")[2].partition("```shell\n")[2].partition("```")[0].strip()
    assert re.sub(r"product=\d+", "product=1", printed) == first_block


@pytest.mark.django_db(transaction=True)
def test_the_printed_addresses_and_calls_work(live_server, capsys, tmp_path):
    printed = load_demo(capsys, port=live_server.thread.port)

    for address in re.findall(r"http://127\.0\.0\.1:\d+(/\S*)", printed):
        assert Client().get(address, follow=True).status_code == 200, address
    mug = Product.objects.first()
    outputs = paste(calls(printed).replace("http ", "http --body ").replace("--body -b", "--body"), tmp_path)

    products, first, replayed, orders = [json.loads(output) for output in outputs]
    assert [product["id"] for product in products["results"]][:1] == [mug.pk]
    assert (first["lines"][0]["sku"], first["lines"][0]["quantity"], first["status"]) == (mug.sku, 2, "PLACED")
    assert replayed == first
    assert orders["results"][0] == first
    assert mug.refreshed().stock == mug.stock - 2
    assert ApiToken.objects.count() == 1


def paste(lines, home):
    """Run the lines in a shell on a terminal, as a person would; return what each `http` printed."""
    controller, terminal = pty.openpty()
    bodies = home / "bodies"
    script = re.sub(r"(?m)^(http .*)$", rf"\1 > {bodies}; cat {bodies}; echo; echo ---", lines)
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    try:
        done = subprocess.run(
            ["sh", "-ec", script],  # without -u, because the activate script that uv writes reads unset variables
            cwd=settings.BASE_DIR,
            env=environment | {"HOME": str(home)},
            stdin=terminal,
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        os.close(controller)
        os.close(terminal)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("---\n")[:-1]
