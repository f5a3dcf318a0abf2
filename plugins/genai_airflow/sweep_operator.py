"""The operator that keeps the artifact store small."""

from importlib import import_module
from typing import Any

from airflow.sdk import BaseOperator, Context

from genai_airflow.step_operators import failing_at_once
from genai_airflow.store_connection import open_store


class SweepStoreOperator(BaseOperator):
    """Deletes what no manifest names and, where `keep_runs` is given, what no champion and no recent run needs.

    The params `keep_runs` and `dry_run` of the run decide; XCom `return_value`: objects, bytes, artifacts, uploads.
    """

    ui_color = "#f2ece0"

    def execute(self, context: Context) -> dict[str, Any]:
        """Sweep, say what went, and count it."""
        dry, keep_runs = bool(context["params"]["dry_run"]), int(context["params"]["keep_runs"])
        sweep, retention = (import_module(f"include.artifacts.{name}") for name in ("sweep", "retention"))
        with failing_at_once():
            store = open_store()
            going = retention.retain(store, keep_runs, dry_run=dry).going if keep_runs else []
            swept = sweep.sweep(store, dry_run=dry)
            copies = import_module("include.inferencing.served_copies").sweep_copies(store, dry_run=dry)
        pieces = [*swept.garbage, *copies, *going]
        for piece in pieces:
            self.log.info("%s: %s (%d objects, %d bytes)", piece.prefix, piece.reason, len(piece.keys), piece.size)
        return {
            "deleted": not dry,
            "objects": sum(len(piece.keys) + bool(piece.manifest) for piece in pieces),
            "bytes": sum(piece.size for piece in pieces),
            "artifacts": len(going),
            "uploads": len(swept.uploads),
        }
