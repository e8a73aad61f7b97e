from django.db import migrations, models


class Migration(migrations.Migration):
    """Where the log of PostgreSQL was after a token's last write, so that its reads do not go to an older replica."""

    dependencies = [
        ("products", "0050_webhooks"),
    ]

    operations = [
        migrations.AddField(
            model_name="apitoken",
            name="last_write",
            field=models.BigIntegerField(blank=True, editable=False, null=True),
        ),
    ]
