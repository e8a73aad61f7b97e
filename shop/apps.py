"""Django's admin, with the shop's own site."""

from importlib import import_module

from django.apps import apps
from django.contrib.admin import site
from django.contrib.admin.apps import AdminConfig


class ShopAdminConfig(AdminConfig):
    default_site = "products.admin.site.ShopAdminSite"

    def ready(self) -> None:
        """Import the shop's admin, and then the other apps'."""
        # First: if the site existed before, importing its package would register every model on another instance.
        import_module("products.admin")
        super().ready()
        # Pages of django-otp's, which show the secrets of other people. The shop has pages of its own.
        site.unregister([apps.get_model("otp_totp.TOTPDevice"), apps.get_model("otp_static.StaticDevice")])
