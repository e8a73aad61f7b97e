from decimal import Decimal

from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, Greatest, Least
from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, LessThanOrEqual

from products.db import triggers

ZERO = Decimal("0.00")
PARTS = ("name", "company", "line1", "line2", "postal_code", "city", "region", "country")


def is_complete(prefix=""):
    needed = [f"{prefix}{name}" for name in ("line1", "city", "country")]
    return GreaterThan(Least(*needed, Greatest(f"{prefix}name", f"{prefix}company")), Value(""))


LAWS = {
    "address": {"an_address_is_complete": is_complete()},
    "event": {"an_event_is_about_an_order_or_a_product": Exact(Q(order=None), Q(product__isnull=False))},
    "order": {
        "total_is_not_negative": Q(total__gte=0),
        "discount_and_shipping_are_not_negative": Q(discount__gte=0, shipping__gte=0),
        "paid_and_refunded_are_not_negative": GreaterThanOrEqual(Least("paid", "refunded"), ZERO),
        "an_order_has_a_complete_address_or_none": Exact(Greatest(*(f"ship_to_{part}" for part in PARTS)), Value(""))
        | is_complete("ship_to_"),
    },
    "orderline": {
        "unit_price_is_not_negative": Q(unit_price__gte=0),
        "discounts_are_at_most_the_price": Q(
            LessThanOrEqual(
                F("discount") + F("discount_share"), Coalesce(F("quantity") * F("unit_price") + Decimal("0.5"), ZERO)
            ),
            discount__gte=0,
            discount_share__gte=0,
        ),
        "tax_needs_a_rate_and_is_not_negative": Q(tax=0) | Q(tax__gt=0, tax_rate__isnull=False, tax_rate__gt=ZERO),
        "tax_rate_is_a_percentage": Q(tax_rate__range=(ZERO, Decimal("100.00"))),
        "counters_of_a_line_are_not_negative": GreaterThanOrEqual(
            Least("shipped", "cancelled", "returned", "restocked"), 0
        ),
    },
    "product": {
        "price_is_not_negative": Q(price__gte=0),
        "prices_have_at_most_8_digits": Q(price__lt=10**8, list_price__lt=10**8),
        "list_price_is_at_least_the_price": Q(list_price__gte=F("price")),
    },
    "stockmovement": {
        "only_orders_move_stock_for_a_line": Exact(
            Q(reason__in=("SOLD", "CANCELLED", "EXPIRED", "RETURNED")), Q(line__isnull=False)
        ),
    },
}


class Migration(migrations.Migration):
    """The same laws in shorter conditions: PostgreSQL reads each from its text in the catalog with every INSERT.

    Three of them do not change: they were written for columns with a scale, and so with a cast of their 0.
    """

    dependencies = [
        ("products", "0047_order_search"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # SQLite copies the tables for this, and drops their triggers.
        migrations.RunPython(triggers.remove, triggers.install),
        *(
            operation
            for model, laws in LAWS.items()
            for name, condition in laws.items()
            for operation in (
                migrations.RemoveConstraint(model_name=model, name=name),
                migrations.AddConstraint(
                    model_name=model, constraint=models.CheckConstraint(condition=condition, name=name)
                ),
            )
        ),
        migrations.RunPython(triggers.install, triggers.remove),
    ]
