"""Files that processes append lines of JSON to, and that no kill tears."""

import json
import os
from pathlib import Path
from typing import Any


class Ledger:
    """Lines that are on disk when `append` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, entry: dict[str, Any]) -> None:
        """Add one line, whole: O_APPEND orders the writers, and a line is one write."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, json.dumps(entry).encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self) -> list[dict[str, Any]]:
        """All lines."""
        return [json.loads(line) for line in self.path.read_bytes().splitlines()] if self.path.exists() else []
