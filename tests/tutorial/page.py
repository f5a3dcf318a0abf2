"""The tutorial as a program: what it writes, what it runs, and what it says comes out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from include.core.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# what `...` stands for is on the same line of a table
GAP = ".{0,400}?"
WRITES = re.compile(r"`([\w./-]+)`:\s*$")


@dataclass(frozen=True)
class WrittenFile:
    """A file that the reader writes."""

    path: str
    text: str


@dataclass(frozen=True)
class Command:
    """What the reader types, and the lines that it should print; `...` in a line stands for anything."""

    text: str
    outcome: tuple[str, ...] = ()

    def missing(self, output: str) -> list[str]:
        """The first expected line that the output does not have, after those before it.

        A cell of a table may be broken over lines, so that what stands between `...` is looked for in all of the text.
        """
        text = re.sub(r"[^\S\n]*[│┃][^\S\n]*", " ", output)
        lines = {line.strip() for line in text.splitlines()}
        text, at = " ".join(text.split()), 0
        for wanted in self.outcome:
            if "..." not in wanted:
                if wanted.strip() not in lines:
                    return [wanted]
                continue
            parts = [re.escape(" ".join(part.split())) for part in wanted.split("...")]
            found = re.compile(GAP.join(filter(None, parts))).search(text, at)
            if not found:
                return [wanted]
            at = found.end()
        return []


def read_page(text: str) -> Iterator[WrittenFile | Command]:
    """The page's blocks in their order. ValueError for one that says neither what it writes nor what it runs."""
    waiting: Command | None = None
    end = 0
    for block in BLOCK.finditer(text):
        kind, content = block[1], block[2]
        before, end = text[end : block.start()].strip(), block.end()
        if kind == "text":
            if waiting is None:
                raise ValueError(f"no command prints {content!r}")
            yield Command(waiting.text, tuple(content.splitlines()))
            waiting = None
            continue
        if waiting:
            yield waiting
            waiting = None
        if kind == "bash":
            waiting = Command(content)
        elif named := WRITES.search(before):
            yield WrittenFile(named[1], content)
        else:
            raise ValueError(f"a block of {kind} after {before[-60:]!r}, which names no file")
    if waiting:
        yield waiting
