"""The events are split by month in a copy of the tests' database; `make months-drill` drops a month as well."""

from contextlib import closing

import psycopg2
import pytest
from django.db import connection

from products.models import ApiToken
from products.tests.side_by_side import on_postgresql
from tests_http import months_drill
from tests_http.restore_drill import stock_of
from tests_http.sample_shop import SampleShop
from tests_http.server import url_of_the_test_database


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_no_order_fails_and_no_event_is_lost_while_events_are_split_by_month(alice, a_product):
    mug = a_product()
    mug.receive(1_000_000)
    token = ApiToken.objects.issue(alice)[1]
    connection.close()
    url = months_drill.copy_of(url_of_the_test_database())
    try:
        shop = SampleShop(url, token, mug.pk)

        split, buyers, lost = months_drill.split_under_load(shop, events=1_000, seconds=0.5)

        assert (buyers.failed, lost) == (0, 0)
        assert split.longest_order < months_drill.LONGEST
        assert len(buyers.acknowledged) > 20
        assert "Differences: 0." in stock_of(url)
    finally:
        with closing(psycopg2.connect(url_of_the_test_database())) as database:
            database.autocommit = True
            database.cursor().execute(f"DROP DATABASE {database.info.dbname}_split WITH (FORCE)")
