from django.db import migrations, models

import products.order_numbers
from products.db import triggers


class Migration(migrations.Migration):
    """One index on the number of an order instead of two, the second of which served LIKE on PostgreSQL."""

    dependencies = [("products", "0036_imported_orders")]

    operations = [
        # Before the unique constraint goes, so that the number is never without one.
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(fields=["number"], name="a_number_belongs_to_one_order"),
        ),
        # SQLite copies the table for this, and drops its triggers.
        migrations.RunPython(triggers.remove, triggers.install),
        migrations.AlterField(
            model_name="order",
            name="number",
            field=models.CharField(
                db_default=products.order_numbers.RandomNumber(),
                default=products.order_numbers.new_number,
                editable=False,
                max_length=8,
                validators=[products.order_numbers.validate_number],
            ),
        ),
        migrations.RunPython(triggers.install, triggers.remove),
    ]
