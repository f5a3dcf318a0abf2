"""`genai sweep`: what the store could do without, and its deletion."""

import argparse

from rich.console import Console
from rich.table import Table

from include.artifacts.retention import Retained, retain
from include.artifacts.sweep import Garbage, Swept, sweep
from include.cli.history import positive
from include.cli.store import open_store
from include.inferencing.served_copies import sweep_copies

OK = 0


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `genai sweep`."""
    words = "list what no run, champion or manifest needs; --delete deletes it"
    sub = commands.add_parser("sweep", help=words, description=words)
    sub.add_argument("--delete", action="store_true", help="delete what is listed")
    sub.add_argument(
        "--keep-runs",
        type=positive,
        metavar="N",
        help="artifacts that none of the last N runs of a use case used go too, unless a champion descends from them",
    )
    sub.set_defaults(command=run)


def run(parsed: argparse.Namespace) -> int:
    """List, and delete where asked to."""
    store, dry = open_store(), not parsed.delete
    retained = retain(store, parsed.keep_runs, dry_run=dry) if parsed.keep_runs is not None else None
    swept = sweep(store, dry_run=dry)
    copies = sweep_copies(store, dry_run=dry)
    report(Console(), swept, copies, retained, deleted=not dry)
    return OK


def report(console: Console, swept: Swept, copies: list[Garbage], retained: Retained | None, *, deleted: bool) -> None:
    """A line for each thing that goes, and the sums."""
    going = [*swept.garbage, *copies, *(retained.going if retained else [])]
    table = Table("what", "objects", "size", "why", box=None, pad_edge=False)
    for piece in going:
        table.add_row(piece.prefix, f"{len(piece.keys) + bool(piece.manifest):,}", size(piece.size), piece.reason)
    for upload in swept.uploads:
        table.add_row(upload.key, "", "", "a multipart upload that nobody goes on with")
    if table.row_count:
        console.print(table, soft_wrap=True)
    total = sum(piece.size for piece in going)
    objects = sum(len(piece.keys) + bool(piece.manifest) for piece in going)
    verb = "deleted" if deleted else "would go with --delete"
    console.print(
        f"{objects:,} objects, {size(total)} and {len(swept.uploads)} pending uploads {verb}", highlight=False
    )
    if retained:
        console.print(f"{retained.kept:,} artifacts, {size(retained.kept_size)} stay", highlight=False)
    if swept.unreadable:
        console.print(f"left alone, their manifests cannot be read: {', '.join(swept.unreadable)}", soft_wrap=True)


def size(count: int) -> str:
    """Bytes for people."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
