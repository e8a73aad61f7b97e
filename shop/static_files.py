"""Static files in production: named by their content if they were collected, otherwise served as they are."""

from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import staticfiles_storage
from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # WhiteNoise has no types
    """WhiteNoise's storage, for which a file that is missing in the manifest is no reason to answer a page with 500."""

    def stored_name(self, name: str) -> str:
        """Return the name with the hash of the content; the plain name of a file that was not collected."""
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name


def uncollected() -> list[str]:
    """Return the static files that collectstatic has not seen yet; none where nothing is collected, on a laptop."""
    if not isinstance(staticfiles_storage, StaticFilesStorage):
        return []
    files = (path for finder in get_finders() for path, _ in finder.list([]))
    return sorted(path for path in files if staticfiles_storage.hash_key(path) not in staticfiles_storage.hashed_files)
