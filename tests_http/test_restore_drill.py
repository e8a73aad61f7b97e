"""A short restore drill on the tests' database; `make restore-drill` takes longer."""

from pathlib import Path

import pytest
from django.conf import settings

from products.models import ApiToken
from products.tests.postgres import NoPostgres
from tests_http import restore_drill
from tests_http.sample_shop import SampleShop
from tests_http.server import url_of_the_test_database

PAGE = Path(settings.BASE_DIR, "docs", "operations", "backup.md").read_text(encoding="utf-8")


@pytest.mark.django_db(transaction=True)
def test_what_is_backed_up_under_load_is_restored_whole(alice, a_product, tmp_path):
    mug = a_product()
    mug.receive(1_000_000)
    shop = SampleShop(url_of_the_test_database(), ApiToken.objects.issue(alice)[1], mug.pk)

    try:
        drill = restore_drill.run(shop, tmp_path, seconds=2)
    except NoPostgres as missing:
        pytest.skip(str(missing))

    assert drill.is_good, str(drill)
    assert drill.orders > drill.restored > 20


def test_the_page_has_the_commands_of_the_drill():
    for command in (restore_drill.DUMP, restore_drill.RESTORE, ["python", "manage.py", "backup"]):
        assert " ".join(command) in PAGE
    for leftover in restore_drill.LEFTOVERS:
        assert f"db.sqlite3{leftover}" in PAGE
