"""A synthetic twin of the source's tables, by SDV: relations and rules hold, and no record can be told from it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import SourceError
from include.data_preparation.config import SynthesizeConfig
from include.data_preparation.config.tables import DatabaseConfig
from include.data_preparation.documents import table_name, write_table
from include.data_preparation.synthesis.database import Tables, broken_rules, divide_database, read_database
from include.data_preparation.synthesis.near_copies import OTHERS_PART, QUANTILES, USUAL_PART
from include.data_preparation.synthesis.table_model import Sampled, fit_tables, metadata, sample_tables
from include.data_preparation.synthesis.table_privacy import Privacy, measure_privacy

LEAST_ROOTS = 8


@step("dataset")
def synthesize(work: Workspace, source: ArtifactRef, config: SynthesizeConfig) -> None:
    """A parquet file for each described table, generated = True; no file where the sources have no table.

    The model sees half of the real records, of `most_records` where there are more. The metrics say how like the
    sample is to all of them, how many rows break a rule, and whether the half that it has seen can be told from the
    other (table_privacy).
    """
    database = config.database
    paths = {name: work.fetch(source, only=table_name(name)) / table_name(name) for name in database.tables}
    real = read_database(paths, database)
    if not real:
        work.metrics.update(rows=0, tables=0)
        Report("Synthetic tables").text("The sources have no table: there is nothing to synthesize.").write(work.output)
        return
    seen, unseen = _halves(real, config)
    sampled = sample_tables(fit_tables(seen, database, config.seed), seen, database, config.rows, config.rounds)
    broken = broken_rules(sampled.tables, database, seen)
    privacy = measure_privacy(seen, unseen, sampled.tables, database, config.seed)
    quality = _quality(real, sampled.tables, database)
    for name, table in sampled.tables.items():
        _write(work.output / f"{name}.parquet", table)
    _measure(work, sampled, real, quality, broken, privacy)
    _report(work, config, quality, broken, privacy)


def _halves(real: Tables, config: SynthesizeConfig) -> tuple[Tables, Tables]:
    seen, unseen = divide_database(real, config.database, config.seed, config.most_records)
    few = [name for tables in (seen, unseen) for name, table in tables.items() if len(table) < LEAST_ROOTS]
    if few:
        raise SourceError(
            "data_preparation.synthesize.database",
            few[0],
            f"half of the table has fewer than {LEAST_ROOTS} rows, and a model of so few tells of each of them",
            "Add records, or leave the table out of the description",
        )
    return seen, unseen


def _quality(real: Tables, sampled: Tables, database: DatabaseConfig) -> Any:
    from sdv.evaluation import evaluate_quality

    return evaluate_quality(real, sampled, metadata(database), verbose=False)


def _measure(
    work: Workspace, sampled: Sampled, real: Tables, quality: Any, broken: dict[str, int], privacy: list[Privacy]
) -> None:
    work.metrics.update(
        rows=sum(map(len, sampled.tables.values())),
        quality=round(float(quality.get_score()), 4),
        attack_auc=max(found.attack for found in privacy),
        tables=len(sampled.tables),
        by_table={name: len(table) for name, table in sampled.tables.items()},
        source_rows={name: len(table) for name, table in real.items()},
        broken=broken,
        rejected_share=round(sampled.rejected / sampled.drawn, 4),
        privacy={found.table: asdict(found) for found in privacy},
        copied_rows=sum(found.copied for found in privacy),
    )


def _report(
    work: Workspace, config: SynthesizeConfig, quality: Any, broken: dict[str, int], privacy: list[Privacy]
) -> None:
    shapes = quality.get_details("Column Shapes")
    bars = {f"{table}.{name}": round(score, 3) for table, name, score in shapes[["Table", "Column", "Score"]].values}
    page = (
        Report("Synthetic tables")
        .table(
            ["table", "rows", "real rows"],
            [(name, rows, work.metrics["source_rows"][name]) for name, rows in work.metrics["by_table"].items()],
            "Tables",
        )
        .table(["rule", "rows that break it"], list(broken.items()), "Rules")
        .bars(bars, "Likeness by column")
        .table(
            ["table", "closest to a seen row", "at least", "attack's AUC", "at least"],
            [(one.table, one.closer, one.closer_low, one.attack, one.attack_low) for one in privacy],
            "Privacy: 0.5 is best",
        )
        .text(
            "The model was fitted to one half of the real records (seed "
            f"{config.seed}). Closest to a seen row: of the sampled rows the share whose nearest real row is of that "
            "half. Attack: how well the nearest sampled row tells which real rows are of that half. At least: lower "
            "bound of a 95% interval."
        )
    )
    _distances(page, privacy)
    page.write(work.output)


def _distances(page: Report, privacy: list[Privacy]) -> None:
    page.table(
        ["table", "near copies beyond chance", "at least", "copied rows"],
        [(one.table, f"{one.near:.2%}", f"{one.near_low:.2%}", one.copied) for one in privacy],
        "Privacy: 0 is best",
    ).text(
        f"A near copy lies within 1/{USUAL_PART} of the usual distance between rows of the two halves, and less than "
        f"1/{OTHERS_PART} as far from a row that the model has seen as from any that was kept from it; as many as are "
        "so near to a kept one are chance. Below: distances to the closest record by quantile, 0 where all columns are "
        "equal and 1 where all differ. The first series far below the others tells of copies."
    )
    for one in privacy:
        series = {name: list(found.values()) for name, found in one.distances.items()}
        page.columns(list(QUANTILES), series, f"Distance to the closest record: {one.table}", "quantile of the rows")


def _write(path: Path, table: Any) -> None:
    import pyarrow

    written = pyarrow.Table.from_pandas(table.assign(generated=True), preserve_index=False)
    write_table(path, written.replace_schema_metadata(None))
