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
        with failing_at_once():
            cleaned = import_module("include.inferencing.housekeeping").clean(open_store(), keep_runs, dry_run=dry)
        for piece in cleaned.going:
            self.log.info("%s: %s (%d objects, %d bytes)", piece.prefix, piece.reason, piece.objects, piece.size)
        return {
            "deleted": not dry,
            "objects": cleaned.objects,
            "bytes": cleaned.size,
            "artifacts": len(cleaned.retained.going) if cleaned.retained else 0,
            "uploads": len(cleaned.uploads),
        }
