from importlib import import_module

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class ProductsConfig(AppConfig):
    name = "products"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        import_module("products.checks")  # which registers the system checks; the models are loaded by now
        # In place of Django's receiver, which fails if the user is deleted during the login. Django connects its own
        # later, as this app is listed first, and a second receiver under the same uid is not connected.
        user_logged_in.connect(import_module("products.auth").record_last_login, dispatch_uid="update_last_login")
