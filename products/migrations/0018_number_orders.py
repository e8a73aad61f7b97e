from django.db import migrations
from django.db.models import Count

from products.order_numbers import RandomNumber

BATCH = 10_000
"""Orders to number in one transaction, so that none of them is locked for long."""


def number_orders(apps, schema_editor):
    connection, orders = schema_editor.connection, apps.get_model("products", "Order")._base_manager
    while batch := list(orders.filter(number=None).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        orders.using(connection.alias).filter(pk__in=batch).update(number=RandomNumber())
    # Of a million orders two may well have drawn the same, and 0019 requires that none have.
    drawn = orders.exclude(number=None).order_by().values("number").annotate(times=Count("pk")).filter(times__gt=1)
    while duplicates := list(drawn.values_list("number", flat=True)):
        for number in duplicates:
            others = list(orders.filter(number=number).order_by("pk").values_list("pk", flat=True)[1:])
            orders.filter(pk__in=others).update(number=RandomNumber())


class Migration(migrations.Migration):
    """The orders that were there before they had numbers draw theirs."""

    atomic = False

    dependencies = [("products", "0017_order_details")]

    operations = [migrations.RunPython(number_orders, migrations.RunPython.noop)]
