"""The helpers for tests of other projects, used as such a project uses them."""

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.test import TransactionTestCase

from products import testing
from products.models import Order, Product, StockMovement
from products.testing import AllowsFlush


class PickingTest(AllowsFlush, TransactionTestCase):
    """A downstream test that commits; its flush empties the ledger, and the next test has the triggers again."""

    def setUp(self):
        assert not StockMovement.objects.exists()
        mug = Product.objects.create(sku="MUG", name="Mug", price="4.50", stock=3)
        self.order = Order.objects.create(customer=User.objects.create_user("carol"), items=[(mug, 1)])

    def test_an_order_is_picked(self):
        self.order.pay()
        self.order.ship(carrier="Parcel Post")

    def test_the_ledger_is_protected_all_the_same(self):
        with self.assertRaisesMessage(IntegrityError, "is append-only"), connection.cursor() as cursor:
            cursor.execute("DELETE FROM products_stockmovement")


@pytest.mark.django_db
def test_outside_of_tests_flush_says_what_to_do_instead(monkeypatch):
    monkeypatch.setattr(testing, "_allowed", 0)

    with pytest.raises(CommandError, match=r"append-only, so flush cannot empty them.*drop the database"):
        call_command("flush", interactive=False)
