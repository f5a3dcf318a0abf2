"""Writes docs/reference from the code, or tells which pages of it are not what the code says.

python -m include.cli.reference             write the pages
python -m include.cli.reference --check     write nothing; exit code 1 where a page differs
"""

import argparse
import sys
from pathlib import Path

from include.cli.reference.commands import commands_page
from include.cli.reference.errors import errors_page
from include.cli.reference.serving import http_page, metrics_page
from include.cli.reference.settings import settings_page
from include.cli.reference.use_case import use_case_page
from include.core.settings import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "docs" / "reference"
HEAD = "<!-- Written by `python -m include.cli.reference` from the code: change it there. -->\n\n"
PAGES = {
    "use-case.md": use_case_page,
    "settings.md": settings_page,
    "commands.md": commands_page,
    "http-api.md": http_page,
    "metrics.md": metrics_page,
    "errors.md": errors_page,
}


def pages() -> dict[str, str]:
    """File name -> what it should hold."""
    return {name: f"{HEAD}{make().strip()}\n" for name, make in PAGES.items()}


def differing(folder: Path = FOLDER) -> list[str]:
    """Pages that are missing, or hold something else than the code says, and files that are no page."""
    wanted = pages()
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def main() -> int:
    """Write, or check; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.cli.reference", description="The pages of docs/reference.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where a page differs")
    if parser.parse_args().check:
        wrong = differing()
        for name in wrong:
            print(f"docs/reference/{name}: not what the code says. Run python -m include.cli.reference")
        return bool(wrong)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
