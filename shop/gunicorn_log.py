"""gunicorn's own words, as lines that look like all the others."""

from logging.config import dictConfig
from typing import Any, ClassVar

from gunicorn import glogging
from gunicorn.config import Config


class Log(glogging.Logger):
    """By a class and not by gunicorn's setting `logconfig_dict`, which also switches its access log on.

    That has a line for every request a second time, with the query string in it.
    """

    lines: ClassVar[dict[str, Any]] = {}
    """How lines are written (shop.logs.config)."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        dictConfig(self.lines)
