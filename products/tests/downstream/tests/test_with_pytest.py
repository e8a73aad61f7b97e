import threading

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection
from picking.models import PickingList

from products.models import InsufficientStock, Order, Product, StockMovement


@pytest.fixture
def mug(db):
    product = Product.objects.create(sku="MUG", name="Mug", price="4.50")
    product.receive(3)
    return product


@pytest.fixture
def carol(db):
    return User.objects.create_user("carol")


def test_a_picked_order_is_shipped(mug, carol):
    order = Order.objects.create(customer=carol, items=[(mug, 1)])
    order.pay()

    PickingList.objects.create(order=order, picker="Dan").finish("00340434161094015902")

    assert Order.objects.get().tracking_number == "00340434161094015902"


@pytest.mark.django_db(transaction=True)
def test_a_committed_order_is_seen_by_another_connection(mug, carol):
    Order.objects.create(customer=carol, items=[(mug, 3)])
    refused = []

    def order_one_more():
        try:
            Order.objects.create(customer=carol, items=[(mug, 1)])
        except InsufficientStock as error:
            refused.append(error.code)
        finally:
            connection.close()

    thread = threading.Thread(target=order_one_more)
    thread.start()
    thread.join()

    assert refused == ["insufficient_stock"]


@pytest.mark.django_db(transaction=True)
def test_the_flush_behind_a_test_leaves_the_ledger_empty_and_protected(mug):
    assert [movement.delta for movement in StockMovement.objects.all()] == [3]

    with pytest.raises(IntegrityError, match="is append-only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM products_stockmovement")
