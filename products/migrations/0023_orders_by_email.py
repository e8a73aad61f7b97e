import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    """Staff search an e-mail address in any case, so the index is one of its upper case, by which Django compares."""

    dependencies = [("products", "0022_legible_numbers")]

    operations = [
        migrations.RemoveIndex(model_name="order", name="orders_by_email"),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                django.db.models.functions.text.Upper("email"),
                condition=models.Q(("email__gt", "")),
                name="orders_by_email",
            ),
        ),
    ]
