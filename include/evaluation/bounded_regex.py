"""Regular expressions of task files, which may backtrack without end, with a limit on their time."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

# of one expression on one text; honest ones take microseconds
SECONDS = 1.0
_TIMED = ("search", "match", "fullmatch", "findall", "sub", "subn", "split")


class _Bounded:
    """The module `regex` or a pattern of it, which stands in for `re`: what takes too long is a TimeoutError."""

    def __init__(self, of: Any) -> None:
        self._of = of

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._of, name)
        if name == "compile":
            return lambda *arguments, **named: _Bounded(found(*arguments, **named))
        return partial(found, timeout=SECONDS) if name in _TIMED else found


@contextmanager
def bounded() -> Iterator[None]:
    """Filters, metrics and templates of lm-eval match within SECONDS, or raise TimeoutError."""
    import regex
    from lm_eval import utils
    from lm_eval.api import metrics
    from lm_eval.filters import extraction, transformation

    modules: tuple[Any, ...] = (extraction, transformation, metrics, utils)
    before = [module.re for module in modules]
    for module in modules:
        module.re = _Bounded(regex)
    try:
        yield
    finally:
        for module, one in zip(modules, before, strict=True):
            module.re = one
