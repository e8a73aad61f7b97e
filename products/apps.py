from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class ProductsConfig(AppConfig):
    name = "products"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from products.auth import update_last_login  # noqa: PLC0415 - needs the models

        # In place of Django's receiver of this name, whichever of the two apps is ready first.
        user_logged_in.disconnect(dispatch_uid="update_last_login")
        user_logged_in.connect(update_last_login, dispatch_uid="update_last_login")
