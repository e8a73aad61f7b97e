"""What was sold: a worked example for each figure that docs/backoffice.md defines."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from products.models import Category, Order, PricedItem
from products.reports import sales
from products.reports.periods import Period, last_days
from products.reports.sales import DayOfSales, Sales, SoldCategory
from products.tests.rewriting import rewrite


def sale(customer, *items, **details):
    return Order.objects.create(customer=customer, items=items, **details)


def paid(customer, *items, **details):
    order = sale(customer, *items, **details)
    order.pay()
    return order


@pytest.fixture
def a_day_of_sales(alice, a_product, settings):
    """Orders of mugs at 10.00, with tax of 19 % inside and 5.00 for shipping: six pieces of six orders are kept."""
    settings.TAX_RATES = {"standard": Decimal(19)}
    settings.SHIPPING_FEE = Decimal("5.00")
    mug = a_product(stock=100, price="10.00")
    sale(alice, (mug, 1))  # not paid
    paid(alice, (mug, 2))
    partly_cancelled = paid(alice, (mug, 3))
    partly_cancelled.cancel(lines=[(mug, 1)])
    partly_returned = paid(alice, (mug, 2))
    partly_returned.ship()
    partly_returned.return_goods(lines=[(mug, 1)])
    partly_returned.refund(lines=[(mug, 1)])
    sale(alice, (mug, 4)).cancel()
    expired = sale(alice, (mug, 5), pay_by=timezone.now() + timedelta(seconds=1))
    Order.objects.filter(pk=expired.pk).update(pay_by=timezone.now() - timedelta(seconds=1))
    Order.objects.overdue().expire()
    return mug


def test_the_revenue_of_a_day_is_what_was_ordered_and_kept(a_day_of_sales):
    [today] = sales.sales_by_day(last_days(1))

    assert today == DayOfSales(
        day=last_days(1).first,
        orders=6,
        pieces=6,
        net=Decimal("50.44"),
        tax=Decimal("9.56"),  # Of the lines: 1.59, 3.19, 4.79 less 1.60, and 3.19 less 1.60.
        gross=Decimal("60.00"),
        shipping=Decimal("20.00"),
        refunded=Decimal("10.00"),
    )
    assert sales.revenue_by_day(last_days(1)) == {today.day: Sales(6, Decimal("60.00"))}


def test_a_day_begins_at_midnight_in_the_shops_time_zone(alice, a_product, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    mug = a_product(stock=10, price="10.00")
    for at in (datetime(2026, 3, 28, 22, 59, tzinfo=UTC), datetime(2026, 3, 28, 23, 0, tzinfo=UTC)):
        rewrite(sale(alice, (mug, 1)), created_at=at, placed_at=at)

    with timezone.override("Asia/Tokyo"):  # whatever the person who looks has set
        days = sales.revenue_by_day(Period(date(2026, 3, 28), date(2026, 3, 30)))

    assert days == {
        date(2026, 3, 28): Sales(1, Decimal("10.00")),
        date(2026, 3, 29): Sales(1, Decimal("10.00")),
        date(2026, 3, 30): Sales(),
    }


def test_tax_on_top_of_the_prices_is_part_of_the_gross_revenue(alice, a_product, settings):
    settings.TAX_RATES, settings.PRICES_INCLUDE_TAX = {"standard": Decimal(19)}, False
    sale(alice, (a_product(stock=10, price="10.00"), 2))

    [today] = sales.sales_by_day(last_days(1))

    assert (today.net, today.tax, today.gross) == (Decimal("20.00"), Decimal("3.80"), Decimal("23.80"))


def test_what_is_kept_of_a_line_is_what_its_refund_leaves(alice, a_product):
    """Of three pieces for 10.05 one comes back: 6.70 stay; of two for 0.05 half a cent more is refunded than stays."""
    mug, pin = a_product(stock=10, price="4.00"), a_product(stock=10, price="0.03")
    items = [PricedItem(mug, 3, discount=Decimal("1.95")), PricedItem(pin, 2, discount=Decimal("0.01"))]
    order = paid(alice, *items)
    order.cancel(lines=[(mug, 1), (pin, 1)])
    order.refund(lines=[(mug, 1), (pin, 1)])

    sold = {product.product: product.gross for product in sales.sales_by_product(last_days(1))}

    assert sold == {mug.pk: Decimal("6.70"), pin.pk: Decimal("0.02")}
    assert sum(sold.values()) == order.paid - order.refunded


def test_prices_in_fractions_of_a_cent_are_rounded_by_line(alice, a_product, settings):
    settings.PRICE_DECIMALS = 4
    sale(alice, (a_product(stock=10, price="0.0125"), 2))
    sale(alice, (a_product(stock=10, price="0.0125"), 2))

    assert sales.revenue_by_day(last_days(1)) == {last_days(1).first: Sales(2, Decimal("0.06"))}


def test_products_are_sold_under_their_present_names_the_highest_revenue_first(alice, a_product):
    mug, lamp, _ = a_product(stock=9, price="4.00", sku="MUG"), a_product(stock=9, price="9.00"), a_product(stock=9)
    sale(alice, (mug, 2), (lamp, 1))
    mug.name = "Stone mug"
    mug.save()

    by_revenue, by_pieces = sales.sales_by_product(last_days(1)), sales.best_sellers(last_days(1))

    assert [product.product for product in by_revenue] == [lamp.pk, mug.pk]
    assert [(product.name, product.pieces) for product in by_pieces] == [("Stone mug", 2), (lamp.name, 1)]


def test_a_category_is_shown_with_its_branch(alice, a_product):
    kitchen = Category.objects.create(slug="kitchen", name="Kitchen")
    mugs = Category.objects.create(slug="mugs", name="Mugs", parent=kitchen)
    Category.objects.create(slug="garden", name="Garden")
    in_kitchen, in_mugs, nowhere = (a_product(stock=9, price="1.00", category=each) for each in (kitchen, mugs, None))
    sale(alice, (in_kitchen, 1), (in_mugs, 2), (nowhere, 4))

    assert sales.sales_by_category(last_days(1)) == [
        SoldCategory("Kitchen", 1, Decimal("1.00"), 3, Decimal("3.00")),
        SoldCategory("Kitchen > Mugs", 2, Decimal("2.00"), 2, Decimal("2.00")),
        SoldCategory("(no category)", 4, Decimal("4.00"), 4, Decimal("4.00")),
    ]


@pytest.mark.parametrize("orders", [1, 5])
def test_a_figure_takes_the_same_statements_however_many_orders(alice, a_product, django_assert_num_queries, orders):
    for number in range(orders):
        mug = a_product(stock=5, category=Category.objects.create(slug=f"c-{number}", name=f"C {number}"))
        paid(alice, (mug, 1))

    for figure, statements in (
        (sales.revenue_by_day, 1),
        (sales.sales_by_day, 3),
        (sales.sales_by_product, 1),
        (sales.best_sellers, 1),
        (sales.sales_by_category, 2),
    ):
        with django_assert_num_queries(statements):
            figure(last_days(30))


def test_an_empty_shop_has_sold_nothing(db):
    assert sales.sales_by_day(last_days(2)) == [DayOfSales(day) for day in last_days(2).days()]
    assert sales.sales_by_product(last_days(2)) == sales.sales_by_category(last_days(2)) == []
