"""A model of related tables (SDV), and rows sampled from it that keep every rule."""

import contextlib
import io
import warnings
from dataclasses import dataclass
from typing import Any

from include.core.errors import SourceError
from include.core.optional_imports import absent
from include.data_preparation.config.tables import CombinationsConfig, DatabaseConfig, InequalityConfig, SumConfig
from include.data_preparation.synthesis.database import Tables, compute_totals, valid_rows, without_orphans

# a little more than is asked for: the number of children is drawn, and a few rows break a rule
MARGIN = 1.1


@dataclass(frozen=True)
class Sampled:
    """Sampled tables, how many rows were drawn for them, and how many of those broke a rule."""

    tables: Tables
    drawn: int
    rejected: int


def import_sdv() -> None:
    """Import SDV without torch, which its neural models and the metrics of Bayesian networks use, and nothing here."""
    with absent("torch"):
        import sdv  # noqa: F401


def fit_tables(tables: Tables, database: DatabaseConfig, seed: int) -> Any:
    """An SDV synthesizer fitted to the tables: hierarchical where they are related, totals left out."""
    import numpy

    import_sdv()
    from sdv.multi_table import HMASynthesizer

    totals = _totals(database)
    modelled = {name: table.drop(columns=totals.get(name, [])) for name, table in tables.items()}
    with _quiet():
        # SDV draws from numpy's global generator while it fits, and offers no seed for it
        before = numpy.random.get_state()
        numpy.random.seed(seed)
        try:
            synthesizer = HMASynthesizer(metadata(database, modelled=True), verbose=False)
            for name in tables:
                # beta, the default, fits four parameters a column and parent: five times slower, and no better here
                synthesizer.set_table_parameters(name, {"default_distribution": "norm"})
            synthesizer.add_constraints(_constraints(database))
            synthesizer.fit(modelled)
        finally:
            numpy.random.set_state(before)
    return synthesizer


def sample_tables(model: Any, source: Tables, database: DatabaseConfig, rows: int, rounds: int) -> Sampled:
    """`rows` rows of the first table, those of the others that belong to them, and none that breaks a rule.

    SourceError where `rounds` samples do not yield them.
    """
    import pandas

    kept: list[Tables] = []
    drawn = rejected = found = 0
    for turn in range(rounds):
        with _quiet():
            scale = MARGIN * (rows - found) / len(source[database.main])
            sampled = compute_totals(_renamed(model.sample_scale(float(scale)), database, turn), database)
        good = valid_rows(sampled, database, source)
        drawn += sum(map(len, sampled.values()))
        rejected += sum(len(sampled[name]) - len(good[name]) for name in good)
        kept.append(good)
        found += len(good[database.main])
        if found >= rows:
            joined = {name: pandas.concat([part[name] for part in kept], ignore_index=True) for name in source}
            return Sampled(_numbered(_cut(joined, database, rows), database), drawn, rejected)
    raise SourceError(
        "data_preparation.synthesize.rounds",
        rounds,
        f"the model gave {found} rows of {database.main} that keep every rule, of {rows} asked for; "
        f"{rejected} of {drawn} rows broke one",
        "Raise it, ask for fewer rows, or look at the rules",
    )


def metadata(database: DatabaseConfig, *, modelled: bool = False) -> Any:
    """SDV's description of the tables; `modelled` leaves out the columns that rules compute."""
    import_sdv()
    from sdv.metadata import Metadata

    totals = _totals(database) if modelled else {}
    return Metadata.load_from_dict(
        {
            "METADATA_SPEC_VERSION": "V1",
            "tables": {
                name: {
                    "primary_key": table.key,
                    "columns": {
                        column: {"sdtype": kind}
                        for column, kind in table.columns.items()
                        if column not in totals.get(name, ())
                    },
                }
                for name, table in database.tables.items()
            },
            "relationships": [
                {
                    "parent_table_name": relation.parent,
                    "parent_primary_key": database.tables[relation.parent].key,
                    "child_table_name": relation.child,
                    "child_foreign_key": relation.column,
                }
                for relation in database.relations
            ],
        }
    )


def _totals(database: DatabaseConfig) -> dict[str, list[str]]:
    totals: dict[str, list[str]] = {}
    for rule in database.rules:
        if isinstance(rule, SumConfig):
            totals.setdefault(rule.table, []).append(rule.total)
    return totals


def _constraints(database: DatabaseConfig) -> list[Any]:
    """Rules that SDV models; sums are computed afterwards, ranges and what names a total are held by rejection."""
    from sdv.cag import FixedCombinations, Inequality

    totals = _totals(database)
    found: list[Any] = []
    for rule in database.rules:
        if set(totals.get(rule.table, ())) & set(rule.columns):
            continue
        if isinstance(rule, InequalityConfig):
            found.append(Inequality(rule.low, rule.high, rule.strict, table_name=rule.table))
        elif isinstance(rule, CombinationsConfig):
            found.append(FixedCombinations(list(rule.columns), table_name=rule.table))
    return found


def _renamed(tables: Tables, database: DatabaseConfig, turn: int) -> Tables:
    """Keys that no other round gives."""
    renamed = {}
    for name, table in tables.items():
        keys = [database.tables[name].key]
        if relation := database.parent_of(name):
            keys.append(relation.column)
        renamed[name] = table.assign(**{key: f"{turn}:" + table[key].astype(str) for key in keys})
    return renamed


def _cut(tables: Tables, database: DatabaseConfig, rows: int) -> Tables:
    """The first `rows` of the first table, without the parents of which all children are cut off."""
    cut, name = dict(tables), database.main
    kept, gone = tables[name].iloc[:rows], tables[name].iloc[rows:]
    cut[name] = kept
    while relation := database.parent_of(name):
        key = database.tables[relation.parent].key
        lost = set(gone[relation.column]) - set(kept[relation.column])
        parents = tables[relation.parent]
        kept, gone = parents[~parents[key].isin(lost)], parents[parents[key].isin(lost)]
        name = relation.parent
        cut[name] = kept
    return without_orphans(cut, database)


def _numbered(tables: Tables, database: DatabaseConfig) -> Tables:
    """Keys in the order of the rows, which are no key of a real row."""
    numbers: dict[str, dict[str, str]] = {}
    done: Tables = {}
    for name in database.from_roots():
        table, key = tables[name], database.tables[name].key
        numbers[name] = {old: f"synthetic-{index:06d}" for index, old in enumerate(table[key])}
        table = table.assign(**{key: table[key].map(numbers[name])})
        if relation := database.parent_of(name):
            table = table.assign(**{relation.column: table[relation.column].map(numbers[relation.parent])})
        done[name] = table
    return {name: done[name] for name in tables}


@contextlib.contextmanager
def _quiet() -> Any:
    """Without the progress bars and advice that SDV writes for people at a terminal."""
    nowhere = io.StringIO()
    with contextlib.redirect_stderr(nowhere), contextlib.redirect_stdout(nowhere), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
