from django.db import migrations, transaction
from django.db.models import Exists, F, OuterRef, Q

BATCH = 500
"""Orders in one transaction, so that no request waits long for one of their lines."""

PAID = ("PAID", "SHIPPED", "DELIVERED", "RETURNED")


def count_lines(apps, schema_editor):
    """Count on every line what its order's status says: all of it was shipped, cancelled or returned.

    Safe while the running release moves statuses: its transitions are counted by the triggers since 0031, with the same
    numbers, and those of a later status include what an earlier one counts.
    """
    Order, OrderLine = apps.get_model("products", "Order"), apps.get_model("products", "OrderLine")
    alias = schema_editor.connection.alias
    uncounted = OrderLine.objects.filter(order=OuterRef("pk"), shipped=0, cancelled=0)
    for statuses, counters in (
        (("SHIPPED", "DELIVERED"), ("shipped",)),
        (("RETURNED",), ("shipped", "returned", "restocked")),
        (("CANCELLED", "EXPIRED"), ("cancelled", "restocked")),
    ):
        orders = Order.objects.using(alias).filter(Exists(uncounted), status__in=statuses, placed_at__isnull=False)
        for batch in batches(orders):
            OrderLine.objects.using(alias).filter(order__in=batch, shipped=0, cancelled=0).update(
                **dict.fromkeys(counters, F("quantity"))
            )


def fill_paid(apps, schema_editor):
    """Set what was paid: the total of what was paid for, and of cancelled orders what the history knows of."""
    Order, Event = apps.get_model("products", "Order"), apps.get_model("products", "Event")
    alias = schema_editor.connection.alias
    was_paid = Exists(Event.objects.filter(order=OuterRef("pk"), kind="order.paid")) | ~Q(payment_reference="")
    orders = Order.objects.using(alias).filter(
        Q(status__in=PAID) | Q(was_paid, status="CANCELLED"), paid=0, total__gt=0
    )
    for batch in batches(orders):
        Order.objects.using(alias).filter(pk__in=batch, paid=0).update(paid=F("total"))


def batches(orders):
    """Yield the ids of the orders, some at a time, each batch in a transaction of its own."""
    while True:
        with transaction.atomic(using=orders.db):
            batch = list(orders.order_by("pk").values_list("pk", flat=True)[:BATCH])
            if not batch:
                return
            yield batch


class Migration(migrations.Migration):
    """The counters of the orders that were placed before there were any."""

    atomic = False

    dependencies = [("products", "0032_fulfilment_tables")]

    operations = [
        migrations.RunPython(count_lines, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(fill_paid, migrations.RunPython.noop, elidable=True),
    ]
