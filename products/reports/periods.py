"""Periods: whole days in the shop's time zone, from the first to the last."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.utils import timezone

MAX_DAYS = 731
"""The longest period of a report: two years."""


class Period(NamedTuple):
    """The days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        """The moment at which the first day begins."""
        return _midnight(self.first)

    @property
    def end(self) -> datetime:
        """The moment at which the last day is over."""
        return _midnight(self.last + timedelta(days=1))

    def days(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]

    def check(self, max_days: int | None = MAX_DAYS) -> None:
        """Raise ValidationError for a period that ends before it begins, or is too long."""
        if self.last < self.first:
            raise ValidationError("The period ends before it begins.", "reversed")
        if max_days is not None and (self.last - self.first).days >= max_days:
            raise ValidationError(f"A period has at most {max_days} days.", "too_long")
        if not 1900 <= self.first.year <= self.last.year < 9999:  # which has a moment in every time zone
            raise ValidationError("The period is in the years from 1900 to 9998.", "out_of_range")


def today() -> date:
    return timezone.localdate(timezone=timezone.get_default_timezone())


def last_days(number: int) -> Period:
    """Return the period of so many days that ends today."""
    return Period(today() - timedelta(days=number - 1), today())


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=timezone.get_default_timezone())
