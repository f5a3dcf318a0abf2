"""`genai sweep`: what the store could do without, and its deletion."""

import argparse

from rich.console import Console
from rich.table import Table

from include.cli.history import positive
from include.cli.store import open_store
from include.inferencing.housekeeping import Cleaned, clean

OK = 0


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `genai sweep`."""
    words = "list what no run, champion or manifest needs; --delete deletes it"
    sub = commands.add_parser("sweep", help=words, description=words)
    sub.add_argument("--delete", action="store_true", help="delete what is listed")
    sub.add_argument(
        "--keep-runs",
        type=positive,
        default=0,
        metavar="N",
        help="artifacts that none of the last N runs of a use case used go too, unless a champion descends from them",
    )
    sub.set_defaults(command=run)


def run(parsed: argparse.Namespace) -> int:
    """List, and delete where asked to."""
    report(Console(), clean(open_store(), parsed.keep_runs, dry_run=not parsed.delete), deleted=parsed.delete)
    return OK


def report(console: Console, cleaned: Cleaned, *, deleted: bool) -> None:
    """A line for each thing that goes, and the sums."""
    table = Table("what", "objects", "size", "why", box=None, pad_edge=False)
    for piece in cleaned.going:
        table.add_row(piece.prefix, f"{piece.objects:,}", size(piece.size), piece.reason)
    for upload in cleaned.uploads:
        table.add_row(upload.key, "", "", "a multipart upload that nobody goes on with")
    if table.row_count:
        console.print(table, soft_wrap=True)
    verb = "deleted" if deleted else "would go with --delete"
    pending = f"{len(cleaned.uploads)} pending uploads"
    console.print(f"{cleaned.objects:,} objects, {size(cleaned.size)} and {pending} {verb}", highlight=False)
    if kept := cleaned.retained:
        console.print(f"{kept.kept:,} artifacts, {size(kept.kept_size)} stay", highlight=False)
    if cleaned.unreadable:
        console.print(f"left alone, their manifests cannot be read: {', '.join(cleaned.unreadable)}", soft_wrap=True)


def size(count: int) -> str:
    """Bytes for people."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
