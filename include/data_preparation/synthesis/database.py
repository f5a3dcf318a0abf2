"""Related tables as data frames: read, divided by who they are about, and held against their rules."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from include.core.errors import SourceError
from include.data_preparation.config.tables import (
    CombinationsConfig,
    DatabaseConfig,
    InequalityConfig,
    RangeConfig,
    SumConfig,
)
from include.data_preparation.documents import rank

Tables = dict[str, Any]
FIELD = "data_preparation.synthesize.database"


def read_database(paths: Mapping[str, Path], database: DatabaseConfig) -> Tables:
    """The described tables, by name, from a parquet file each; empty where there is none of the files.

    SourceError where some of them are missing, or their columns, or where rows break what the description says.
    """
    import pandas

    if not any(path.exists() for path in paths.values()):
        return {}
    tables: Tables = {}
    for name, path in paths.items():
        if not path.exists():
            raise _wrong(f"tables.{name}", "the sources have no such table")
        table = pandas.read_parquet(path)
        columns = database.tables[name].columns
        if missing := [column for column in columns if column not in table]:
            raise _wrong(f"tables.{name}.columns", f"the table lacks {', '.join(missing)}")
        # SDV computes with nanoseconds: another unit makes its sampled rows break rules
        moments = {column: "datetime64[ns]" for column, kind in columns.items() if kind == "datetime"}
        tables[name] = table[list(columns)].astype(moments).reset_index(drop=True)
    for title, count in broken_rules(tables, database, tables).items():
        if count:
            raise _wrong("rules", f"{count} rows of the source break it: {title}")
    return tables


def _wrong(field: str, problem: str) -> SourceError:
    return SourceError(f"{FIELD}.{field}", "", problem, "Correct the description of the tables, or the source")


def divide_database(tables: Tables, database: DatabaseConfig, seed: int, most: int) -> tuple[Tables, Tables]:
    """Two halves, drawn by rank from `most` of the rows without a parent, each row with all that hangs on it."""
    one: Tables = {}
    other: Tables = {}
    for name in database.from_roots():
        table, relation = tables[name], database.parent_of(name)
        if relation is None:
            keys = table[database.tables[name].key]
            order = sorted(range(len(keys)), key=lambda place: rank(seed, str(keys.iloc[place])))[:most]
            half = (len(order) + 1) // 2
            parts = table.index.isin(order[:half]), table.index.isin(order[half:])
        else:
            key, column = database.tables[relation.parent].key, table[relation.column]
            parts = column.isin(one[relation.parent][key]), column.isin(other[relation.parent][key])
        one[name], other[name] = (table[part].reset_index(drop=True) for part in parts)
    return one, other


def compute_totals(tables: Tables, database: DatabaseConfig) -> Tables:
    """The tables with moments in whole seconds and with every total that a rule computes, columns as described."""
    done: Tables = {}
    for name, table in tables.items():
        moments = [column for column, kind in database.tables[name].columns.items() if kind == "datetime"]
        table = table.assign(**{column: table[column].dt.floor("s") for column in moments if column in table})
        for rule in database.rules:
            if isinstance(rule, SumConfig) and rule.table == name:
                table[rule.total] = _total(table, rule)
        done[name] = table[list(database.tables[name].columns)]
    return done


def broken_rules(tables: Tables, database: DatabaseConfig, source: Mapping[str, Any]) -> dict[str, int]:
    """Rows that break each rule, by its title; known combinations are those of the source."""
    masks = _violations(tables, database, source)
    return {title: int(mask.sum()) for title, (_, mask) in masks.items()}


def valid_rows(tables: Tables, database: DatabaseConfig, source: Mapping[str, Any]) -> Tables:
    """The rows that break no rule, and whose parents break none."""
    kept = dict(tables)
    for name, mask in _violations(tables, database, source).values():
        kept[name] = kept[name][~mask.reindex(kept[name].index)]
    return without_orphans(kept, database)


def without_orphans(tables: Tables, database: DatabaseConfig) -> Tables:
    """The rows whose parent is there."""
    kept = dict(tables)
    for name in database.from_roots():
        if relation := database.parent_of(name):
            keys = kept[relation.parent][database.tables[relation.parent].key]
            kept[name] = kept[name][kept[name][relation.column].isin(keys)]
    return {name: kept[name].reset_index(drop=True) for name in tables}


def _violations(tables: Tables, database: DatabaseConfig, source: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Title of a rule -> its table, and which rows break it. Keys and relations are rules too."""
    found: dict[str, tuple[str, Any]] = {}
    for name, table in database.tables.items():
        keys = tables[name][table.key]
        found[f"{name}: {table.key} is unique"] = name, keys.duplicated() | keys.isna()
    for relation in database.relations:
        keys = tables[relation.parent][database.tables[relation.parent].key]
        title = f"{relation.child}: {relation.column} is one of {relation.parent}"
        found[title] = relation.child, ~tables[relation.child][relation.column].isin(keys)
    for rule in database.rules:
        found[rule.title] = rule.table, ~_holds(tables[rule.table], rule, source[rule.table])
    return found


def _holds(table: Any, rule: Any, source: Any) -> Any:
    if isinstance(rule, SumConfig):
        return table[rule.total] == _total(table, rule)
    if isinstance(rule, InequalityConfig):
        low, high = table[rule.low], table[rule.high]
        return (low < high if rule.strict else low <= high) | low.isna() | high.isna()
    if isinstance(rule, CombinationsConfig):
        import pandas

        columns = list(rule.columns)
        known = pandas.MultiIndex.from_frame(source[columns].drop_duplicates())
        return pandas.Series(pandas.MultiIndex.from_frame(table[columns]).isin(known), index=table.index)
    return _in_range(table[rule.column], rule)


def _in_range(values: Any, rule: RangeConfig) -> Any:
    holds = values.notna() | values.isna()
    if rule.least is not None:
        holds &= (values >= rule.least) | values.isna()
    if rule.most is not None:
        holds &= (values <= rule.most) | values.isna()
    return holds


def _total(table: Any, rule: SumConfig) -> Any:
    import pandas

    if not rule.unit:
        return table[rule.base] + table[rule.added]
    return (table[rule.base] + pandas.to_timedelta(table[rule.added], unit=rule.unit)).dt.floor("s")
