from django.db import migrations, models


class Migration(migrations.Migration):
    """Tries to log in are counted."""

    dependencies = [("products", "0005_movement_keys")]

    operations = [
        migrations.CreateModel(
            name="LoginCounter",
            fields=[
                ("scope", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("tries", models.PositiveIntegerField()),
                (
                    "refused",
                    models.PositiveIntegerField(
                        default=0, help_text="Attempts refused since the last one that was counted."
                    ),
                ),
                (
                    "ends_at",
                    models.BigIntegerField(db_index=True, help_text="Seconds since 1970, by the database's clock."),
                ),
            ],
        ),
    ]
