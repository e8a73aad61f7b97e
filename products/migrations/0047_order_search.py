import django.db.models.functions.text
from django.db import migrations, models

NAMES = ("ship_to_name", "ship_to_company")


def make_indexes(apps, schema_editor):
    """Trigrams for a part of a name, as for products; SQLite looks at every row."""
    if schema_editor.connection.vendor == "postgresql":
        for name in NAMES:
            schema_editor.execute(
                f"CREATE INDEX orders_by_{name} ON products_order USING gin (UPPER({name}::text) gin_trgm_ops) "
                f"WHERE {name} > ''"
            )


def drop_indexes(apps, schema_editor):
    for name in NAMES:
        schema_editor.execute(f"DROP INDEX IF EXISTS orders_by_{name}")


class Migration(migrations.Migration):
    """Staff find orders by the tracking number of any shipment, by the payment, and by the name on the address."""

    dependencies = [("products", "0046_bulk_jobs")]

    operations = [
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                django.db.models.functions.text.Upper("payment_reference"),
                condition=models.Q(("payment_reference__gt", "")),
                name="orders_by_payment_reference",
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                django.db.models.functions.text.Upper("tracking_number"),
                condition=models.Q(("tracking_number__gt", "")),
                name="orders_by_tracking",
            ),
        ),
        migrations.AddIndex(
            model_name="shipment",
            index=models.Index(
                django.db.models.functions.text.Upper("tracking_number"),
                condition=models.Q(("tracking_number__gt", "")),
                name="shipments_by_tracking",
            ),
        ),
        migrations.RunPython(make_indexes, drop_indexes),
    ]
