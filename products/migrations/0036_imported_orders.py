from django.conf import settings
from django.db import migrations, models

import products.validators
from products.db import triggers


class Migration(migrations.Migration):
    """An order that comes from another system has its number there, which no other order has and which is frozen."""

    dependencies = [
        ("products", "0034_fulfilment_laws"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="imported_number",
            field=models.CharField(
                blank=True,
                editable=False,
                max_length=100,
                null=True,
                validators=[products.validators.printable_line, products.validators.visible],
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                condition=models.Q(("imported_number__isnull", False)),
                fields=("imported_number",),
                name="an_order_is_imported_once",
            ),
        ),
        migrations.RunPython(triggers.install, triggers.install),
    ]
