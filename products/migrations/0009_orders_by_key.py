from django.db import migrations, models
from django.db.models import Q

NAME = "one_order_per_customer_and_key"


class Migration(migrations.Migration):
    """The same law with the key first, so that its index also finds a key whose customer is not known."""

    dependencies = [("products", "0008_orders_by_status")]

    operations = [
        migrations.RemoveConstraint("order", NAME),
        migrations.AddConstraint(
            "order",
            models.UniqueConstraint(
                fields=["idempotency_key", "customer"], condition=Q(idempotency_key__isnull=False), name=NAME
            ),
        ),
    ]
