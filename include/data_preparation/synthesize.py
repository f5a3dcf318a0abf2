"""A synthetic twin of the ticket table, by SDV, in which every ticket is resolved when its hours have passed."""

import contextlib
import io
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import SourceError
from include.data_preparation.config import SynthesizeConfig
from include.data_preparation.documents import write_table

TABLE = "tickets"
COLUMNS = {
    "ticket_id": {"sdtype": "id"},
    "category": {"sdtype": "categorical"},
    "priority": {"sdtype": "categorical"},
    "product": {"sdtype": "categorical"},
    "channel": {"sdtype": "categorical"},
    "created": {"sdtype": "datetime", "datetime_format": "%Y-%m-%d %H:%M:%S"},
    "hours": {"sdtype": "numerical"},
    "resolved": {"sdtype": "datetime", "datetime_format": "%Y-%m-%d %H:%M:%S"},
    "satisfaction": {"sdtype": "categorical"},
}


@step("dataset")
def synthesize(work: Workspace, source: ArtifactRef, config: SynthesizeConfig) -> None:
    """tickets.parquet: `config.rows` rows with resolved = created + hours, generated = True."""
    path = work.fetch(source, only="tickets_table.parquet") / "tickets_table.parquet"
    if not path.exists():
        raise SourceError(
            "data_preparation.aggregate.tickets",
            0,
            "there is no ticket table to synthesize from",
            "Generate tickets, or leave out this step",
        )
    real = _read(path)
    metadata = _metadata()
    sampled = _sample(real, metadata, config)
    holds = (sampled["resolved"] == _resolved(sampled)).mean()
    keys = [name for name in COLUMNS if name not in ("ticket_id", "resolved")]
    copied = len(sampled.merge(real[keys].drop_duplicates(), on=keys))
    from sdv.evaluation import evaluate_quality

    quality = evaluate_quality({TABLE: real}, {TABLE: sampled}, metadata, verbose=False)
    _write(work.output / "tickets.parquet", sampled)
    work.metrics.update(
        rows=len(sampled),
        quality=round(float(quality.get_score()), 4),
        constraint_share=float(holds),
        copied_rows=copied,
        source_rows=len(real),
    )
    details = quality.get_details("Column Shapes")
    Report("Synthetic tickets").text(
        f"{len(sampled)} rows modelled on {len(real)}; resolved = created + hours in {holds:.2%} of them; "
        f"{copied} rows equal one of the source."
    ).bars(dict(zip(details["Column"], details["Score"].round(3), strict=True)), "Likeness by column").write(
        work.output
    )


def _read(path: Path) -> Any:
    import pandas

    return pandas.read_parquet(path)[list(COLUMNS)]


def _metadata() -> Any:
    from sdv.metadata import Metadata

    return Metadata.load_from_dict(
        {
            "METADATA_SPEC_VERSION": "V1",
            "tables": {TABLE: {"primary_key": "ticket_id", "columns": COLUMNS}},
            "relationships": [],
        }
    )


def _sample(real: Any, metadata: Any, config: SynthesizeConfig) -> Any:
    import numpy
    from sdv.single_table import GaussianCopulaSynthesizer

    # SDV draws from numpy's global generator while it fits, and offers no seed for it
    before = numpy.random.get_state()
    numpy.random.seed(config.seed)
    try:
        synthesizer = GaussianCopulaSynthesizer(metadata)
        synthesizer.add_constraints([_resolution_constraint()])
        # it shows a progress bar whenever there is a constraint
        with contextlib.redirect_stderr(io.StringIO()):
            synthesizer.fit({TABLE: real})
            sampled = synthesizer.sample(config.rows)[TABLE]
    finally:
        numpy.random.set_state(before)
    sampled["ticket_id"] = [f"S{index:05d}" for index in range(len(sampled))]
    return sampled[list(COLUMNS)]


def _resolution_constraint() -> Any:
    """SDV models created and hours; resolved is left out of the model and computed."""
    from sdv.cag import SingleTableProgrammableConstraint

    class Resolution(SingleTableProgrammableConstraint):  # type: ignore[misc]
        def get_updated_metadata(self, metadata: Any) -> Any:
            metadata.tables[TABLE].columns.pop("resolved")
            return metadata

        def transform(self, data: Any) -> Any:
            return data.drop(columns="resolved")

        def reverse_transform(self, transformed_data: Any) -> Any:
            return transformed_data.assign(resolved=_resolved(transformed_data))

        def is_valid(self, synthetic_data: Any) -> Any:
            return synthetic_data["resolved"] == _resolved(synthetic_data)

    return Resolution()


def _resolved(table: Any) -> Any:
    import pandas

    return table["created"] + pandas.to_timedelta(table["hours"], unit="h")


def _write(path: Path, sampled: Any) -> None:
    import pyarrow

    sampled = sampled.assign(created=sampled["created"].dt.floor("s"), resolved=sampled["resolved"].dt.floor("s"))
    table = pyarrow.Table.from_pandas(sampled.assign(generated=True), preserve_index=False)
    write_table(path, table.replace_schema_metadata(None))
