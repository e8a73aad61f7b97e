"""The project's URLs."""

from django.conf import settings
from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from products.api import urls as api
from shop.observability.metrics import metrics_view

handler500 = "shop.error_handlers.server_error"

urlpatterns = [
    *api.urlpatterns,  # Not include(), which would add a resolver; first, because most requests match here.
    path("", RedirectView.as_view(pattern_name="docs")),
    path(settings.ADMIN_URL, admin.site.urls),
    path("metrics", metrics_view, name="metrics"),
    path("metrics/", metrics_view),
]
