"""Moments as people say them, by the visitor's clock."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from prune_core.charts.words import duration


def left(seconds: float) -> str:
    """Time that a run still needs: "12 s left", "a moment left"."""
    return f"{duration(seconds)} left" if seconds >= 1 else "a moment left"


def when(moment: datetime, zone: str | None = None, now: datetime | None = None) -> str:
    """A moment as people say it: "14:05", "yesterday 14:05", "3 May 14:05", "3 May 2025". `zone`: the visitor's, as "Europe/Rome"."""
    here = zone_of(zone)
    then, today = moment.astimezone(here), (now or datetime.now(UTC)).astimezone(here)
    clock, day = f"{then:%H:%M}", f"{then.day} {then:%B}"
    if then.date() == today.date():
        return clock
    if then.date() == today.date() - timedelta(days=1):
        return f"yesterday {clock}"
    return f"{day} {clock}" if then.year == today.year else f"{day} {then.year}"


def zone_of(name: str | None) -> tzinfo:
    """The time zone of that name, UTC for none and for names that nobody knows."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
