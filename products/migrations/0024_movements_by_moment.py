from django.db import migrations, models


class Migration(migrations.Migration):
    """An index for the products whose stock has moved since a moment."""

    dependencies = [("products", "0023_orders_by_email")]

    operations = [
        migrations.AddIndex("stockmovement", models.Index(fields=["at"], name="movements_by_moment")),
    ]
