import pytest


@pytest.fixture(autouse=True)
def _static_files_without_a_manifest(settings):
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
