from django.db import migrations

from products.order_numbers import RandomNumber

BATCH = 10_000
"""Orders to number in one transaction, so that none of them is locked for long."""


def number_orders(apps, schema_editor):
    connection, orders = schema_editor.connection, apps.get_model("products", "Order")._base_manager
    while batch := list(orders.filter(number=None).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        orders.using(connection.alias).filter(pk__in=batch).update(number=RandomNumber())


class Migration(migrations.Migration):
    """The orders that were there before they had numbers draw theirs."""

    atomic = False

    dependencies = [("products", "0017_order_details")]

    operations = [migrations.RunPython(number_orders, migrations.RunPython.noop)]
