"""Importing a library without the optional packages that it would load and nothing here uses."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def absent(*packages: str) -> Iterator[None]:
    """Inside, these packages are as if they were not installed; what is imported inside keeps to that.

    Libraries that look for an optional package when they are imported load all of it: seconds of a core and
    hundreds of megabytes, in each task. For imports alone, and not beside other threads that import.
    """
    held = {name: sys.modules.pop(name) for name in packages if name in sys.modules}
    sys.meta_path[:] = [_Blind(finder, packages) for finder in sys.meta_path]
    try:
        yield
    finally:
        # what a library has added (six does) stays
        sys.meta_path[:] = [one.finder if isinstance(one, _Blind) else one for one in sys.meta_path]
        sys.modules.update(held)


class _Blind:
    """A finder of modules that does not see some packages."""

    def __init__(self, finder: Any, packages: tuple[str, ...]) -> None:
        self.finder, self._packages = finder, packages

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return None if name in self._packages else self.finder.find_spec(name, path, target)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.finder, name)
