from django.conf import settings
from django.db import migrations, models

from products.db import triggers


class Migration(migrations.Migration):
    """A retried stock change finds what its first try made."""

    dependencies = [
        ("products", "0004_product_orderings"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("stockmovement", "idempotency_key", models.CharField(max_length=255, null=True)),
        migrations.AddConstraint(
            "stockmovement",
            models.UniqueConstraint(
                condition=models.Q(idempotency_key__isnull=False),
                fields=("by", "idempotency_key"),
                name="one_movement_per_person_and_key",
            ),
        ),
        migrations.RunPython(triggers.install_history, migrations.RunPython.noop),
    ]
