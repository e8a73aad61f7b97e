"""Which door is where."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from products.admin.user_forms import change_password
from products.api import urls as api
from shop.metrics import metrics_view

# Everything that no view has answered for.
handler500 = "shop.outages.server_error"

urlpatterns = [
    *api.urlpatterns,  # Not included, which would be a resolver more; first, as most requests are for these.
    path("", RedirectView.as_view(pattern_name="docs")),
    path("admin/password_change/", change_password),  # Before the admin's own, and reversed by that one's name.
    path("admin/", admin.site.urls),
    path("metrics", metrics_view, name="metrics"),
]
