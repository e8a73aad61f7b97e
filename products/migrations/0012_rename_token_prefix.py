from django.db import migrations, models


class Migration(migrations.Migration):
    """The field is called `prefix` now; its column keeps its name, so that the running release can go on reading it."""

    dependencies = [("products", "0011_place_order")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameField("apitoken", "shown", "prefix"),
                migrations.AlterField(
                    "apitoken",
                    "prefix",
                    models.CharField("begins with", db_column="shown", editable=False, max_length=12),
                ),
            ],
        ),
    ]
