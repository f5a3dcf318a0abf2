"""How figures, moments and states read on the pages."""

from collections.abc import Callable
from datetime import UTC, datetime

from include.overview.steps import State

# state -> what it is called, and the look that it has
STATES: dict[State, tuple[str, str]] = {
    "none": ("not run", ""),
    "waiting": ("waiting", ""),
    "running": ("running", "live"),
    "asks": ("asks a person", "warn"),
    "done": ("done", "good"),
    "failed": ("failed", "bad"),
    "stopped": ("not reached", ""),
}
# what wants a person comes first where a column is sorted
URGENCY: tuple[State, ...] = ("failed", "asks", "running", "waiting", "stopped", "done", "none")
STEP_NAMES = {
    "strategy": "Strategy",
    "data_preparation": "Data preparation",
    "training": "Training",
    "customization": "Customization",
    "inferencing": "Inferencing",
}
# what is larger, or no number, was never measured
LARGEST = 1e100
UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def ago(moment: str) -> str:
    """How long ago an ISO 8601 moment was; empty for none."""
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
    except (TypeError, ValueError):
        return ""
    for length, name in UNITS:
        if seconds >= length:
            return f"{int(seconds / length)} {name} ago"
    return "just now"


def clock(moment: str) -> str:
    """An ISO 8601 moment to the minute, in UTC; as it is where it is none."""
    try:
        return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError):
        return moment


def number(value: float | None) -> str:
    """A figure to four places that count: 1,234,567, 12.35, 0.001235; empty for none."""
    if value is None or not abs(value) < LARGEST:
        return ""
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def duration(seconds: float | None) -> str:
    """Seconds for people: 120 ms, 0.4 s, 12 s, 3 min 5 s, 2 h 10 min; empty for none."""
    if seconds is None or not abs(seconds) < LARGEST:
        return ""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def money(value: float | None) -> str:
    """An amount to the cent, smaller ones to four places that count; empty for none."""
    if value is None or not 1 <= abs(value) < LARGEST:
        return number(value)
    return f"{value:,.2f}"


# for templates
FILTERS: dict[str, Callable[..., str]] = {
    "number": number,
    "money": money,
    "duration": duration,
    "clock": clock,
    "ago": ago,
    "step_name": STEP_NAMES.__getitem__,
    "step_word": lambda state: STATES[state][0],
    "step_look": lambda state: STATES[state][1],
}
