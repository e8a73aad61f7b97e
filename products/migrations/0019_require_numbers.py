from django.db import migrations, models

import products.order_numbers
from products.db import triggers


class Migration(migrations.Migration):
    """Every order has a number of its own and a complete address or none, and both are frozen with the order."""

    dependencies = [("products", "0018_number_orders")]

    operations = [
        migrations.AlterField(
            model_name="order",
            name="number",
            field=models.CharField(
                db_default=products.order_numbers.RandomNumber(),
                default=products.order_numbers.new_number,
                editable=False,
                max_length=8,
                unique=True,
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("reference__gt", "")), fields=["reference"], name="orders_by_reference"
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(condition=models.Q(("email__gt", "")), fields=["email"], name="orders_by_email"),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("ship_to_city", ""),
                        ("ship_to_company", ""),
                        ("ship_to_country", ""),
                        ("ship_to_line1", ""),
                        ("ship_to_line2", ""),
                        ("ship_to_name", ""),
                        ("ship_to_postal_code", ""),
                        ("ship_to_region", ""),
                    ),
                    models.Q(
                        ("ship_to_city__gt", ""),
                        ("ship_to_country__gt", ""),
                        ("ship_to_line1__gt", ""),
                        models.Q(("ship_to_name__gt", ""), ("ship_to_company__gt", ""), _connector="OR"),
                    ),
                    _connector="OR",
                ),
                name="an_order_has_a_complete_address_or_none",
            ),
        ),
        # SQLite has dropped the table's triggers, and PostgreSQL's do not know the new columns.
        migrations.RunPython(triggers.install, triggers.remove),
    ]
