"""What tables hold, how they are related, and what holds in each of their rows: data, so that no step knows a table."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from include.data_preparation.config.base import StepConfig

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
ColumnKind = Literal["id", "categorical", "numerical", "datetime", "boolean"]
RESERVED = ("train", "heldout", "corpus")


class TableConfig(StepConfig):
    """One table; every row has a key of its own."""

    key: Name = Field(description="Column that names a row.")
    columns: dict[Name, ColumnKind] = Field(min_length=2, description="Column -> what its values are.")


class RelationConfig(StepConfig):
    """Each row of `child` names a row of `parent`; a table has one parent at most."""

    parent: Name = Field(description="Table that is pointed to, by its key.")
    child: Name = Field(description="Table that points.")
    column: Name = Field(description="Column of the child that holds the parent's key.")


class SumConfig(StepConfig):
    """`total` = `base` + `added`: it is computed, and not modelled."""

    kind: Literal["sum"] = "sum"
    table: Name = Field(description="Table of the rule.")
    total: Name = Field(description="Column that is computed.")
    base: Name = Field(description="Column that it starts from.")
    added: Name = Field(description="Column of numbers that is added.")
    unit: Literal["", "s", "min", "h", "D"] = Field("", description="Unit of what is added to a moment.")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the rule names."""
        return self.total, self.base, self.added

    @property
    def title(self) -> str:
        """The rule in short."""
        return f"{self.table}: {self.total} = {self.base} + {self.added} {self.unit}".strip()


class InequalityConfig(StepConfig):
    """`low` <= `high`, or < where it is strict."""

    kind: Literal["inequality"]
    table: Name = Field(description="Table of the rule.")
    low: Name = Field(description="Column of the smaller values.")
    high: Name = Field(description="Column of the larger values.")
    strict: bool = Field(False, description="Whether equal values break it.")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the rule names."""
        return self.low, self.high

    @property
    def title(self) -> str:
        """The rule in short."""
        return f"{self.table}: {self.low} {'<' if self.strict else '<='} {self.high}"


class CombinationsConfig(StepConfig):
    """Categories occur together as they do in the source, and in no other way."""

    kind: Literal["combinations"]
    table: Name = Field(description="Table of the rule.")
    columns: tuple[Name, ...] = Field(min_length=2, description="Categorical columns.")

    @property
    def title(self) -> str:
        """The rule in short."""
        return f"{self.table}: known combinations of {', '.join(self.columns)}"


class RangeConfig(StepConfig):
    """Values between two bounds, both allowed."""

    kind: Literal["range"]
    table: Name = Field(description="Table of the rule.")
    column: Name = Field(description="Column of numbers or moments.")
    least: float | datetime | None = Field(None, description="Smallest value; null: any.")
    most: float | datetime | None = Field(None, description="Largest value; null: any.")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the rule names."""
        return (self.column,)

    @property
    def title(self) -> str:
        """The rule in short."""
        return f"{self.table}: {self.column} from {self.least} to {self.most}"


Rule = Annotated[SumConfig | InequalityConfig | CombinationsConfig | RangeConfig, Field(discriminator="kind")]

_TICKETS = {
    "ticket_id": "id",
    "customer_id": "id",
    "category": "categorical",
    "priority": "categorical",
    "product": "categorical",
    "channel": "categorical",
    "created": "datetime",
    "hours": "numerical",
    "resolved": "datetime",
    "satisfaction": "categorical",
}
_CUSTOMERS = {
    "customer_id": "id",
    "region": "categorical",
    "country": "categorical",
    "plan": "categorical",
    "seats": "numerical",
    "joined": "datetime",
    "renewed": "datetime",
}
# what the sample's ticket system exports
TICKET_TABLES: dict[str, Any] = {
    "tables": {
        "tickets": {"key": "ticket_id", "columns": _TICKETS},
        "customers": {"key": "customer_id", "columns": _CUSTOMERS},
    },
    "relations": [{"parent": "customers", "child": "tickets", "column": "customer_id"}],
    "rules": [
        {"kind": "sum", "table": "tickets", "total": "resolved", "base": "created", "added": "hours", "unit": "h"},
        {"kind": "range", "table": "tickets", "column": "hours", "least": 1, "most": 401},
        {"kind": "range", "table": "customers", "column": "seats", "least": 1},
        {"kind": "inequality", "table": "customers", "low": "joined", "high": "renewed"},
        {"kind": "combinations", "table": "customers", "columns": ["region", "country"]},
    ],
}


class DatabaseConfig(StepConfig):
    """Related tables; the first is the one whose rows are counted."""

    # five: what SDV's public edition models
    tables: dict[Name, TableConfig] = Field(min_length=1, max_length=5, description="Table -> what it holds.")
    relations: tuple[RelationConfig, ...] = Field((), description="Which table's rows name rows of another.")
    rules: tuple[Rule, ...] = Field((), description="What holds in every row.")

    @property
    def main(self) -> str:
        """The table whose rows are counted."""
        return next(iter(self.tables))

    def parent_of(self, table: str) -> RelationConfig | None:
        """The relation to a table's parent."""
        return next((relation for relation in self.relations if relation.child == table), None)

    def from_roots(self) -> list[str]:
        """All tables, each after its parent."""
        return sorted(self.tables, key=lambda name: self.parent_of(name) is not None)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for name, table in self.tables.items():
            if name in RESERVED:
                raise ValueError(f"a table cannot be called {name}: a dataset has a file of that name")
            if table.columns.get(table.key) != "id":
                raise ValueError(f"{name}: the key {table.key} is no column of the kind id")
        for relation in self.relations:
            self._require(relation.parent, ())
            self._require(relation.child, (relation.column,))
            if self.tables[relation.child].columns[relation.column] != "id":
                raise ValueError(f"{relation.child}.{relation.column} names rows, and is not of the kind id")
        children = [relation.child for relation in self.relations]
        if len(set(children)) < len(children):
            raise ValueError("a table has more than one parent")
        if middle := sorted({relation.parent for relation in self.relations} & set(children)):
            raise ValueError(f"{middle[0]} has a parent and children: SDV's public edition models two levels")
        for rule in self.rules:
            self._require(rule.table, rule.columns)
        totals = [(rule.table, rule.total) for rule in self.rules if isinstance(rule, SumConfig)]
        bases = [(rule.table, name) for rule in self.rules if isinstance(rule, SumConfig) for name in rule.columns[1:]]
        if len(set(totals)) < len(totals) or set(totals) & set(bases):
            raise ValueError("a total is computed once, and from columns that are modelled")
        return self

    def _require(self, table: str, columns: tuple[str, ...]) -> None:
        if table not in self.tables:
            raise ValueError(f"there is no table {table}")
        if missing := [name for name in columns if name not in self.tables[table].columns]:
            raise ValueError(f"{table} has no column {', '.join(missing)}")
