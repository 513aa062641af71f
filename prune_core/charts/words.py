"""Numbers as people read them, the same in every sentence, tick and table."""

from collections.abc import Sequence

from ..steps import percent

COUNTED = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def accuracy(fraction: float) -> str:
    """0.9744 -> "97.4 %": one digit after the point, always."""
    return f"{100 * fraction:.1f} %"


def share(fraction: float) -> str:
    """A share of weights, small ones with the digits that matter: 0.1 -> "10 %", 0.0729 -> "7.3 %", 0.0004 -> "0.04 %"."""
    if 0 < fraction < 0.01:
        return f"{100 * fraction:.2g} %"
    return percent(fraction)


def correlation(r: float) -> str:
    """0.934 -> "0.93", -0.557 -> "\N{MINUS SIGN}0.56"."""
    return f"{r:.2f}".replace("-", "\N{MINUS SIGN}")


def rough(fraction: float) -> str:
    """A share for a scale's end, in whole per cents: 0.347 -> "35 %"."""
    return f"{100 * fraction:.0f} %" if fraction >= 0.1 else share(fraction)


def plain(number: float) -> str:
    """A number without needless zeros: 4.0 -> "4", 3.25 -> "3.25"."""
    return f"{number:.4g}"


def epoch(number: float) -> str:
    """A point in training, to a tenth: 12.0 -> "12", 0.512 -> "0.5"."""
    return f"{number:.1f}".removesuffix(".0")


def of(kept: int, units: int, what: str) -> str:
    """13310, 266200, "weights" -> "13,310 of 266,200 weights"."""
    return f"{kept:,} of {units:,} {what}"


def counted(n: int) -> str:
    """Small numbers as words: 5 -> "five", 20 -> "20"."""
    return COUNTED[n] if 0 <= n < len(COUNTED) else f"{n:,}"


def listed(words: Sequence[str]) -> str:
    """("a", "b", "c") -> "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def duration(seconds: float) -> str:
    """A time as people say it: 0.4 -> "under 1 s", 42 -> "42 s", 130 -> "2 min", 4000 -> "1 h 7 min"."""
    if seconds < 1:
        return "under 1 s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def counts(number: float) -> str:
    """A large count in a few signs: 266200 -> "266,200", 1467968 -> "1.47 M", 313201664 -> "313 M", 2.5e9 -> "2.5 G"."""
    for unit, name in ((1e9, "G"), (1e6, "M")):
        if number >= unit:
            return f"{number / unit:.3g} {name}"
    return f"{number:,.0f}"


def milliseconds(seconds: float) -> str:
    """A short time: 0.00213 -> "2.13 ms", 0.25 -> "250 ms", 2.5 -> "2.5 s"."""
    return f"{1000 * seconds:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def bytes_of(number: float) -> str:
    """The size of a file: 59944 -> "59.9 KB", 58897168 -> "58.9 MB"."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "KB")):
        if number >= unit:
            return f"{number / unit:.3g} {name}"
    return f"{number:.0f} B"
