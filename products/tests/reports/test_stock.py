"""What the stock is worth, what is sold out, and what came back."""

from decimal import Decimal

from products.models import Order
from products.reports import stock
from products.reports.periods import last_days
from products.reports.stock import ProductValue, Returned, Shortage


def test_the_stock_is_valued_at_its_price_retired_products_too(a_product, django_assert_num_queries):
    mug, lamp, _ = a_product(stock=3, price="0.10"), a_product(stock=1, price="39.00"), a_product(price="5.00")
    lamp.retire()

    with django_assert_num_queries(1):
        values = stock.stock_value()

    assert values == [
        ProductValue(lamp.pk, lamp.sku, lamp.name, 1, Decimal("39.00"), Decimal("39.00")),
        ProductValue(mug.pk, mug.sku, mug.name, 3, Decimal("0.10"), Decimal("0.30")),
    ]


def test_of_what_is_sold_out_or_running_low_the_most_wanted_comes_first(alice, a_product, django_assert_num_queries):
    never_sold, sold, retired = a_product(), a_product(stock=2), a_product()
    low = a_product(stock=4, low_stock=3)
    retired.retire()
    a_product(stock=1)
    Order.objects.create(customer=alice, items=[(sold, 2), (low, 1)])

    with django_assert_num_queries(2):
        shortages = stock.shortages(last_days(30))

    assert shortages == [
        Shortage(sold.pk, sold.sku, sold.name, 0, 2),
        Shortage(low.pk, low.sku, low.name, 3, 1),
        Shortage(never_sold.pk, never_sold.sku, never_sold.name, 0, 0),
    ]


def test_returns_say_what_can_be_sold_again(alice, a_product, django_assert_num_queries):
    mug = a_product(stock=9)
    for _ in range(2):
        order = Order.objects.create(customer=alice, items=[(mug, 3)])
        order.pay()
        order.ship()
        order.return_goods(lines=[(mug, 2, 1)])

    with django_assert_num_queries(1):
        came_back = stock.returns(last_days(30))

    assert came_back == [Returned(mug.pk, mug.sku, mug.name, returns=2, pieces=4, restocked=2)]
