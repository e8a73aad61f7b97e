"""Static files in production: collected ones have a hash in their names, others are served under their own."""

from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import staticfiles_storage
from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # WhiteNoise has no types
    """WhiteNoise's storage, but a page that names a file missing from the manifest does not fail with 500."""

    def stored_name(self, name: str) -> str:
        """Return the name with the hash of its content, or the plain name if the file was not collected."""
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name


def uncollected() -> list[str]:
    """Return the static files that collectstatic has not collected; none in development, where it is not used."""
    if not isinstance(staticfiles_storage, StaticFilesStorage):
        return []
    files = (path for finder in get_finders() for path, _ in finder.list([]))
    return sorted(path for path in files if staticfiles_storage.hash_key(path) not in staticfiles_storage.hashed_files)
