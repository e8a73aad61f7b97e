from django.db import migrations

from products.db import triggers


class Migration(migrations.Migration):
    """What was agreed when an order was placed is frozen, and its status moves along its transitions only."""

    dependencies = [("products", "0013_active_token")]

    operations = [migrations.RunPython(triggers.install, triggers.install_history)]
