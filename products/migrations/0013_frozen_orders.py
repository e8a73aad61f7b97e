from django.db import migrations

from products.db import triggers


class Migration(migrations.Migration):
    """What was agreed when an order was placed is frozen, and its status moves along its transitions only."""

    dependencies = [("products", "0012_rename_token_prefix")]

    operations = [migrations.RunPython(triggers.install, triggers.install_history)]
