from django.db import migrations, models


class Migration(migrations.Migration):
    """What waits to be paid or shipped is found without looking at all that was ever delivered."""

    dependencies = [("products", "0007_token_last_use")]

    operations = [
        migrations.AddIndex("order", models.Index(fields=["status", "placed_at", "id"], name="orders_by_status")),
    ]
