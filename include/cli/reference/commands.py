"""The page of commands, from the command line's own help."""

import argparse
import os
import re

from include.core.settings import PROJECT_ROOT

WIDTH = "100"


def commands_page() -> str:
    """`make` targets, and `--help` of each command of `genai`."""
    from include.cli.main import parser

    # argparse wraps for the terminal that it runs in
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = WIDTH
    try:
        top = parser()
        commands = [("genai", top), *_below("genai", top)]
        sections = [f"## {name}\n\n```text\n{_help(one)}\n```" for name, one in commands]
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    return f"""# Commands

`genai` lies in `.genai/venv/bin` once `make run` or `make install` has put it there.

## make

```text
{_targets()}
```

{chr(10).join(f"{section}{chr(10)}" for section in sections)}"""


def _below(name: str, parser: argparse.ArgumentParser) -> list[tuple[str, argparse.ArgumentParser]]:
    """All commands below one, in the order in which they are declared."""
    found: list[tuple[str, argparse.ArgumentParser]] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, sub in action.choices.items():
                found += [(f"{name} {word}", sub), *_below(f"{name} {word}", sub)]
    return found


def _help(parser: argparse.ArgumentParser) -> str:
    return "\n".join(line.rstrip() for line in parser.format_help().strip().splitlines())


def _targets() -> str:
    text = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.findall(r"^([a-z]+):.*?## (.+)$", text, re.MULTILINE)
    return "\n".join(f"make {name:8} {words}" for name, words in found)
