import django.core.validators
import django.db.models.functions.text
import django.db.models.lookups
from django.db import migrations, models

import products.order_numbers
from products.db import triggers


class Migration(migrations.Migration):
    """An order's number is eight characters that people can read out, and stays from the cart on."""

    dependencies = [("products", "0020_place_order_with_details")]

    operations = [
        migrations.AlterField(
            model_name="order",
            name="number",
            field=models.CharField(
                db_default=products.order_numbers.RandomNumber(),
                default=products.order_numbers.new_number,
                editable=False,
                max_length=8,
                unique=True,
                validators=[products.order_numbers.validate_number],
            ),
        ),
        migrations.AlterField(
            model_name="order",
            name="phone",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=40,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[0-9+(][0-9 ()./-]{2,39}\\Z", "Not a phone number such as +49 30 1234567.", "invalid_phone"
                    )
                ],
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(django.db.models.functions.text.Length("number"), 8),
                    django.db.models.lookups.Exact(products.order_numbers.OtherCharacters("number"), models.Value("")),
                ),
                name="a_number_is_eight_characters_to_read_out",
            ),
        ),
        # SQLite has dropped the table's triggers, and there is a new one.
        migrations.RunPython(triggers.install, triggers.remove),
    ]
