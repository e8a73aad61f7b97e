from importlib import import_module

from django.apps import AppConfig


class ProductsConfig(AppConfig):
    name = "products"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        import_module("products.checks")  # which registers the system checks; the models are loaded by now
