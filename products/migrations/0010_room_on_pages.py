from django.db import migrations

TABLE = "products_product"


def leave_room(apps, schema_editor):
    """A sale writes a new version of its product's row. With room for that on the page, no index has to be told.

    A page that is full sends it to another one, and all indexes with it; which is where every page is that was filled
    by an import. This is about pages from now on; `VACUUM FULL products_product` makes those anew that are there.
    """
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE {TABLE} SET (fillfactor = 90)")


def leave_none(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE {TABLE} RESET (fillfactor)")


class Migration(migrations.Migration):
    """Room on the pages of products for what sales write."""

    dependencies = [("products", "0009_orders_by_key")]

    operations = [migrations.RunPython(leave_room, leave_none)]
