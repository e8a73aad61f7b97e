from django.contrib.auth.models import User
from django.test import TestCase, TransactionTestCase
from picking.models import PickingList

from products.models import Order, Product, StockMovement
from products.testing import AllowsFlush


def a_paid_order():
    mug = Product.objects.create(sku="MUG", name="Mug", price="4.50", stock=3)
    order = Order.objects.create(customer=User.objects.create_user("carol"), items=[(mug, 1)])
    order.pay()
    return order


class RolledBack(TestCase):
    def test_a_picked_order_is_shipped(self):
        order = a_paid_order()

        PickingList.objects.create(order=order, picker="Dan").finish("1")

        assert Order.objects.get().status == Order.Status.SHIPPED


class Committed(AllowsFlush, TransactionTestCase):
    """Two tests, because the flush of the first must let the second begin with empty tables."""

    def test_a_picked_order_is_shipped(self):
        order = a_paid_order()

        PickingList.objects.create(order=order, picker="Dan").finish("1")

        assert Order.objects.get().status == Order.Status.SHIPPED

    def test_the_tables_are_empty_at_first(self):
        assert (Product.objects.count(), StockMovement.objects.count()) == (0, 0)

        a_paid_order()
