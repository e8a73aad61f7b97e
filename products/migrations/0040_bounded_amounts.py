from django.db import migrations, models

from products.db import triggers


class Migration(migrations.Migration):
    """Bounds for prices and totals, which PostgreSQL's columns have no longer held by themselves since 0025."""

    dependencies = [("products", "0039_paid_in_parts")]

    operations = [
        # SQLite copies the tables for this, and drops their triggers.
        migrations.RunPython(triggers.remove, triggers.install),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("total__lt", 1000000000000)), name="total_has_at_most_12_digits"
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("unit_price__lt", 100000000)), name="unit_price_has_at_most_8_digits"
            ),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("price__lt", 100000000),
                    models.Q(("list_price", None), ("list_price__lt", 100000000), _connector="OR"),
                ),
                name="prices_have_at_most_8_digits",
            ),
        ),
        migrations.RunPython(triggers.install, triggers.remove),
    ]
