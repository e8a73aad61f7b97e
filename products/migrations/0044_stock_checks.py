import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    """The results of check_stock, which the front page of the admin shows."""

    dependencies = [
        ("products", "0043_feed"),
    ]

    operations = [
        migrations.CreateModel(
            name="StockCheck",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("seconds", models.FloatField(help_text="How long it took.")),
                ("products", models.PositiveIntegerField()),
                ("orders", models.PositiveIntegerField()),
                ("differences", models.PositiveIntegerField()),
                ("sentences", models.JSONField(default=list, help_text="The first 100 differences.")),
            ],
            options={
                "ordering": ["-id"],
                "base_manager_name": "objects",
            },
        ),
    ]
