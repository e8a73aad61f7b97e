"""An address with a bug behind it."""

from django.urls import path


def broken(request):
    return 1 / 0


urlpatterns = [path("api/broken", broken)]
