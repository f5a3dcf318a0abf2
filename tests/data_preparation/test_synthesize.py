"""Synthetic tables: relations and rules hold, and a model that repeats what it has seen does not pass."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import ValidationError

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import SourceError
from include.data_preparation.aggregate import aggregate
from include.data_preparation.card import gates
from include.data_preparation.card.data_card import read_card
from include.data_preparation.check import check
from include.data_preparation.config import AggregateConfig, CheckConfig, SynthesizeConfig
from include.data_preparation.config.tables import DatabaseConfig
from include.data_preparation.documents import write_table
from include.data_preparation.support_tickets.customers import customer_rows
from include.data_preparation.support_tickets.tickets import generate_tickets
from include.data_preparation.synthesis.database import Tables, broken_rules, divide_database, read_database, valid_rows
from include.data_preparation.synthesis.table_model import fit_tables, sample_tables
from include.data_preparation.synthesis.table_privacy import measure_privacy
from include.data_preparation.synthesize import synthesize
from tests.data_preparation.conftest import LATER, SMALL, Prepared

DATABASE = SynthesizeConfig().database


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The ticket system's tables."""
    import pyarrow

    folder = tmp_path_factory.mktemp("tables")
    rows = [ticket.row for ticket in generate_tickets(240, 7)]
    tables = {"tickets": rows, "customers": customer_rows(rows, 7)}
    for name, table in tables.items():
        write_table(folder / name, pyarrow.Table.from_pylist(table))
    return read_database({name: folder / name for name in tables}, DATABASE)


@pytest.fixture(scope="module")
def halves(real: Tables) -> tuple[Tables, Tables]:
    return divide_database(real, DATABASE, 3, 2000)


@pytest.fixture(scope="module")
def sampled(halves: tuple[Tables, Tables]) -> Tables:
    return sample_tables(fit_tables(halves[0], DATABASE, 3), halves[0], DATABASE, 600, 3).tables


def _gates(seen: Tables, unseen: Tables, sampled: Tables, database: DatabaseConfig = DATABASE) -> dict[str, gates.Gate]:
    privacy = {found.table: vars(found) for found in measure_privacy(seen, unseen, sampled, database, 3)}
    metrics = {
        "tables": len(sampled),
        "quality": 0.9,
        "rejected_share": 0.0,
        "broken": broken_rules(sampled, database, seen),
        "privacy": privacy,
    }
    return {gate.name: gate for gate in gates.synthetic_gates(metrics, CheckConfig())}


def test_relations_and_rules_hold_in_what_is_published(
    store: ArtifactStore, prepared: Prepared, tmp_path: Path
) -> None:
    folder = store.fetch(prepared.final, tmp_path / "final")
    tickets, customers = (pandas.read_parquet(folder / f"{name}.parquet") for name in ("tickets", "customers"))
    source = pandas.read_parquet(store.fetch(prepared.aggregated, tmp_path / "source") / "customers_table.parquet")
    metrics = store.manifest(prepared.synthetic).metrics

    assert len(tickets) == SMALL.synthesize.rows == metrics["by_table"]["tickets"]
    assert (tickets["resolved"] == tickets["created"] + pandas.to_timedelta(tickets["hours"], unit="h")).all()
    assert tickets["hours"].between(1, 401).all() and (customers["joined"] <= customers["renewed"]).all()
    assert set(tickets["customer_id"]) <= set(customers["customer_id"])
    assert tickets["ticket_id"].is_unique and customers["customer_id"].is_unique
    assert not set(customers["customer_id"]) & set(source["customer_id"])
    pairs = set(zip(source["region"], source["country"], strict=True))
    assert set(zip(customers["region"], customers["country"], strict=True)) <= pairs
    assert tickets["generated"].all() and customers["generated"].all()
    assert not any(metrics["broken"].values()) and metrics["quality"] > 0.7


def test_the_model_sees_half_of_the_customers_with_all_their_tickets(
    real: Tables, halves: tuple[Tables, Tables]
) -> None:
    seen, unseen = halves
    assert abs(len(seen["customers"]) - len(unseen["customers"])) <= 1
    assert not set(seen["tickets"]["customer_id"]) & set(unseen["tickets"]["customer_id"])
    for name, table in real.items():
        assert len(seen[name]) + len(unseen[name]) == len(table)


def test_of_many_customers_a_bounded_number_is_used(real: Tables) -> None:
    seen, unseen = divide_database(real, DATABASE, 3, 20)
    assert [len(half["customers"]) for half in (seen, unseen)] == [10, 10]
    for half in (seen, unseen):
        assert set(half["tickets"]["customer_id"]) == set(half["customers"]["customer_id"])
        mine = real["tickets"]["customer_id"].isin(half["customers"]["customer_id"])
        assert len(half["tickets"]) == mine.sum()


def test_a_fitted_model_passes_the_privacy_gates(halves: tuple[Tables, Tables], sampled: Tables) -> None:
    assert [gate for gate in _gates(*halves, sampled).values() if not gate.passed] == []


def _copied(seen: Tables) -> Tables:
    return {name: table.copy() for name, table in seen.items()}


def _copied_with_noise(seen: Tables) -> Tables:
    draw = numpy.random.default_rng(5)

    def days(count: int, scale: float) -> Any:
        return pandas.to_timedelta(draw.normal(0, scale, count).round(4), unit="D").round("s")

    tickets, customers = seen["tickets"].copy(), seen["customers"].copy()
    tickets["created"] += days(len(tickets), 3)
    tickets["hours"] = (tickets["hours"] + draw.integers(-4, 5, len(tickets))).clip(1, 401)
    tickets["resolved"] = tickets["created"] + pandas.to_timedelta(tickets["hours"], unit="h")
    changed = draw.random(len(tickets)) < 0.1
    tickets.loc[changed, "channel"] = "mail"
    shift = days(len(customers), 3)
    customers["joined"], customers["renewed"] = customers["joined"] + shift, customers["renewed"] + shift
    customers["seats"] += draw.integers(0, 2, len(customers))
    return {"tickets": tickets, "customers": customers}


@pytest.mark.parametrize(("planted", "copies"), [(_copied, True), (_copied_with_noise, False)])
def test_a_model_that_repeats_what_it_has_seen_is_caught(
    planted: Callable[[Tables], Tables], copies: bool, halves: tuple[Tables, Tables]
) -> None:
    found = _gates(*halves, planted(halves[0]))
    failed = {name for name, gate in found.items() if not gate.passed}
    caught = {
        "synthetic rows closest to a record the model has seen",
        "membership inference from the synthetic tables, AUC",
        NEAR_COPIES,
    }
    assert failed == caught | ({"share of synthetic rows copied"} if copies else set())


def _with_some(sampled: Tables, source: Tables, count: int) -> Tables:
    """The sample with `count` of its tickets replaced by the source's, each of another customer, who comes along."""
    tickets = source["tickets"].drop_duplicates("customer_id").head(count)
    customers = source["customers"][source["customers"]["customer_id"].isin(tickets["customer_id"])]
    assert len(tickets) == len(customers) == count
    return {
        "tickets": pandas.concat([sampled["tickets"].iloc[count:], tickets], ignore_index=True),
        "customers": pandas.concat([sampled["customers"], customers], ignore_index=True),
    }


NEAR_COPIES = "synthetic rows that are near copies of a record seen"


@pytest.mark.parametrize(
    ("change", "count"),
    [pytest.param(_copied_with_noise, 30, id="5% near copies"), pytest.param(_copied, 6, id="six copies of 600")],
)
def test_a_few_rows_that_tell_of_seen_ones_are_caught(
    change: Callable[[Tables], Tables], count: int, halves: tuple[Tables, Tables], sampled: Tables
) -> None:
    seen, unseen = halves
    assert not _gates(seen, unseen, _with_some(sampled, change(seen), count))[NEAR_COPIES].passed
    # as many of rows that the model has not seen are chance
    by_chance = _gates(seen, unseen, _with_some(_with_some(sampled, change(seen), count), change(unseen), count))
    assert by_chance[NEAR_COPIES].passed


def test_distances_tell_copies_from_rows_of_the_population(halves: tuple[Tables, Tables], sampled: Tables) -> None:
    seen, unseen = halves
    for tables, copied in ((sampled, False), (seen, True)):
        tickets = measure_privacy(seen, unseen, tables, DATABASE, 3)[0].distances
        assert tickets.keys() == {"synthetic to seen", "synthetic to kept", "kept to seen"}
        assert (tickets["synthetic to seen"]["75%"] == 0) == copied
        assert all(0 < distance < 1 for distance in tickets["synthetic to kept"].values())
        assert tickets["synthetic to kept"]["median"] == pytest.approx(tickets["kept to seen"]["median"], rel=0.2)


def test_rows_that_break_a_rule_fail_their_gate_and_are_left_out(
    halves: tuple[Tables, Tables], sampled: Tables
) -> None:
    wrong = {name: table.copy() for name, table in sampled.items()}
    wrong["tickets"].loc[0, "hours"] += 1
    wrong["tickets"].loc[1, "hours"] = 999
    wrong["tickets"].loc[2, "customer_id"] = "nobody"
    wrong["tickets"].loc[3, "ticket_id"] = wrong["tickets"].loc[4, "ticket_id"]
    wrong["customers"].loc[0, ["region", "country"]] = ["Europe", "Japan"]
    wrong["customers"].loc[1, "joined"] += pandas.Timedelta(days=5000)
    counts = broken_rules(wrong, DATABASE, halves[0])

    assert [count for count in counts.values() if count] == [1, 1, 2, 1, 1, 1]
    gate = _gates(*halves, wrong)["synthetic rows that break a rule"]
    assert not gate.passed and "1 rows: customers: joined <= renewed" in gate.measured

    left = valid_rows(wrong, DATABASE, halves[0])
    assert not any(broken_rules(left, DATABASE, halves[0]).values())
    lost = set(wrong["customers"]["customer_id"]) - set(left["customers"]["customer_id"])
    assert lost and not lost & set(left["tickets"]["customer_id"])


def test_the_same_inputs_give_the_same_bytes(store: ArtifactStore, prepared: Prepared) -> None:
    again = synthesize.run(store, {"source": prepared.aggregated, "config": SMALL.synthesize}, force=True)
    assert not again.reused and again.ref == prepared.synthetic


def test_two_tables_below_one_and_other_rules_are_described_by_data() -> None:
    draw = numpy.random.default_rng(1)
    shops = pandas.DataFrame({"shop": [f"s{n}" for n in range(40)], "size": draw.integers(1, 50, 40)})
    orders = pandas.DataFrame({"order": [f"o{n}" for n in range(160)], "shop": draw.choice(shops["shop"], 160)})
    orders = orders.assign(net=draw.integers(1, 60, 160), tax=draw.integers(1, 60, 160))
    orders["gross"] = orders["net"] + orders["tax"]
    visits = pandas.DataFrame({"visit": [f"v{n}" for n in range(240)], "shop": draw.choice(shops["shop"], 240)})
    visits["weight"] = draw.gamma(2, 3, 240)
    number, name = "numerical", "id"
    database = DatabaseConfig.model_validate(
        {
            "tables": {
                "visits": {"key": "visit", "columns": {"visit": name, "shop": name, "weight": number}},
                "shops": {"key": "shop", "columns": {"shop": name, "size": number}},
                "orders": {
                    "key": "order",
                    "columns": {"order": name, "shop": name, "net": number, "tax": number, "gross": number},
                },
            },
            "relations": [
                {"parent": "shops", "child": "orders", "column": "shop"},
                {"parent": "shops", "child": "visits", "column": "shop"},
            ],
            "rules": [
                {"kind": "sum", "table": "orders", "total": "gross", "base": "net", "added": "tax"},
                {"kind": "inequality", "table": "orders", "low": "net", "high": "gross"},
                {"kind": "range", "table": "orders", "column": "gross", "most": 60},
            ],
        }
    )
    tables = valid_rows(
        {"visits": visits, "shops": shops, "orders": orders}, database, {"visits": visits, "orders": orders}
    )
    seen, _ = divide_database(tables, database, 0, 2000)
    found = sample_tables(fit_tables(seen, database, 0), seen, database, 60, 4)

    assert len(found.tables["visits"]) == 60 and found.rejected > 0
    assert not any(broken_rules(found.tables, database, seen).values())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"relations": [{"parent": "shops", "child": "tickets", "column": "customer_id"}]}, "no table shops"),
        ({"relations": [{"parent": "customers", "child": "tickets", "column": "hours"}]}, "not of the kind id"),
        ({"rules": [{"kind": "range", "table": "tickets", "column": "price"}]}, "tickets has no column price"),
        (
            {"relations": [{"parent": "tickets", "child": "tickets", "column": "ticket_id"}]},
            "tickets has a parent and children",
        ),
        ({"relations": [DATABASE.relations[0].model_dump()] * 2}, "more than one parent"),
    ],
)
def test_a_wrong_description_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        DatabaseConfig.model_validate(DATABASE.model_dump() | change)


@examples(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_no_record_is_on_both_sides(seed: int) -> None:
    customers = [f"C{number}" for number in range(seed % 17 + 1)]
    tables = {
        "customers": pandas.DataFrame({"customer_id": customers}),
        "tickets": pandas.DataFrame(
            {"ticket_id": range(40), "customer_id": [customers[n % len(customers)] for n in range(40)]}
        ),
    }
    one, other = divide_database(tables, DATABASE, seed, 2000)
    assert not set(one["tickets"]["customer_id"]) & set(other["customers"]["customer_id"])
    assert sum(len(half[name]) for half in (one, other) for name in tables) == 40 + len(customers)


@step("dataset")
def crooked(work: Workspace, source: ArtifactRef) -> None:
    """The source with a ticket that was resolved before its hours had passed."""
    for path in work.fetch(source).glob("*_table.parquet"):
        table = pandas.read_parquet(path)
        if "hours" in table:
            table.loc[0, "hours"] += 1
        table.to_parquet(work.output / path.name)


def test_a_source_that_breaks_the_description_is_refused(store: ArtifactStore, prepared: Prepared) -> None:
    with pytest.raises(SourceError, match=r"1 rows of the source break it: tickets: resolved = created \+ hours h"):
        synthesize(store, source=crooked(store, source=prepared.aggregated), config=SMALL.synthesize)


def test_without_tables_there_is_nothing_to_synthesize(
    store: ArtifactStore, prepared: Prepared, tmp_path: Path
) -> None:
    bare = AggregateConfig(tickets=0, standard_library=False, packages=(), shards=1)
    outcome = synthesize.run(store, {"source": aggregate(store, as_of=LATER, config=bare), "config": SMALL.synthesize})

    assert outcome.metrics == {"rows": 0, "tables": 0}
    assert [entry.path for entry in store.manifest(outcome.ref).files] == ["report.html"]
    assert gates.synthetic_gates(outcome.metrics, CheckConfig()) == []

    arguments = {
        "dataset": prepared.divided,
        "aggregated": prepared.aggregated,
        "cleaned": prepared.cleaned,
        "deduplicated": prepared.deduplicated,
        "labelled": prepared.labelled,
        "anonymized": prepared.anonymized,
        "audits": prepared.audits,
        "synthetic": outcome.ref,
        "charter": prepared.charter,
        "config": SMALL.check,
    }
    final = check.run(store, arguments)
    assert final.metrics["passed"] and read_card(store.fetch(final.ref, tmp_path / "final")).synthetic == {}
