from django.db import migrations


class Migration(migrations.Migration):
    """As any that changes the table of the orders. test_migrate.py gives it to an app that has none of its own."""

    dependencies = []

    operations = [
        migrations.RunSQL(
            ["CREATE TABLE made_up (id integer)", "ALTER TABLE products_order ADD COLUMN made_up integer"],
            ["ALTER TABLE products_order DROP COLUMN made_up", "DROP TABLE made_up"],
        )
    ]
