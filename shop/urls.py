"""The project's URLs."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from products.admin.users import OwnPasswordView
from products.api import urls as api
from shop.observability.metrics import metrics_view

handler500 = "shop.error_handlers.server_error"

urlpatterns = [
    *api.urlpatterns,  # Not include(), which would add a resolver; first, because most requests match here.
    path("", RedirectView.as_view(pattern_name="docs")),
    # In place of the admin's own page, which writes back what somebody else has changed meanwhile.
    path("admin/password_change/", admin.site.admin_view(OwnPasswordView.as_view(), cacheable=True)),
    path("admin/", admin.site.urls),
    path("metrics", metrics_view, name="metrics"),
    path("metrics/", metrics_view),
]
