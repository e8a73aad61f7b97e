from django.db import migrations, models


class Migration(migrations.Migration):
    """The day on which a token was last used."""

    dependencies = [("products", "0006_login_counters")]

    operations = [
        migrations.AddField("apitoken", "last_used_on", models.DateField(blank=True, editable=False, null=True)),
    ]
