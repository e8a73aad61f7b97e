import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    """The number of pieces with which a product is running low."""

    dependencies = [("products", "0040_bounded_amounts")]

    operations = [
        migrations.AddField(
            model_name="product",
            name="low_stock",
            field=models.IntegerField(
                blank=True,
                help_text="With so many pieces or fewer it is running low; 0 for never, empty for the shop's LOW_STOCK.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(0),
                    django.core.validators.MaxValueValidator(1000000000),
                ],
            ),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=models.Q(("low_stock__gte", 0)), name="low_stock_is_not_negative"
            ),
        ),
    ]
