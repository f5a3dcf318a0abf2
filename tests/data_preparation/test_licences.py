"""What a record may say of its own licence: it goes to all that is published, and nothing anonymizes it."""

from collections import Counter
from pathlib import Path

import pytest

from include.artifacts.store import ArtifactStore
from include.core.errors import SourceError
from include.data_preparation.aggregate import aggregate
from include.data_preparation.card import gates
from include.data_preparation.card.gates import CharterLimits
from include.data_preparation.config import AggregateConfig, CollectionConfig, RecordsConfig
from include.data_preparation.documents import read_table
from include.data_preparation.sources.licences import licence_of
from include.data_preparation.sources.provenance import by_licence
from tests.data_preparation.test_collections import MOMENT, fill
from tests.data_preparation.test_record_files import json_lines, row


@pytest.mark.parametrize(
    ("stated", "licence"),
    [
        ("", "MIT"),
        ("apache-2.0", "Apache-2.0"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("(MIT or  ISC)\nAND Zlib", "(MIT OR ISC) AND Zlib"),
        ("Contract with Anna Schmidt", None),
        ("anna.schmidt", None),
        ("MIT AND karlheinz.mueller033", None),
        ("LicenseRef-Anna-Schmidt", None),
        ("MIT OR LicenseRef-\u212a", None),
        (f"{'(' * 45}MIT{')' * 45}", f"{'(' * 45}MIT{')' * 45}"),
        ("(" * 1_000_000, None),
        ("MIT OR", None),
    ],
)
def test_a_licence_is_an_expression_of_known_names(stated: str, licence: str | None) -> None:
    found = licence_of(stated, "MIT")
    assert found == licence


def test_names_of_the_source_itself_are_known() -> None:
    assert licence_of("our terms", "our terms") == "our terms"
    assert licence_of("MIT OR LicenseRef-acme", "LicenseRef-acme") == "MIT OR LicenseRef-acme"


def test_a_record_with_another_licence_is_quarantined_without_its_words(store: ArtifactStore, tmp_path: Path) -> None:
    rows = [row("a"), row("b", license="mit OR apache-2.0"), row("c", license="Contract with Anna Schmidt")]
    location = fill(tmp_path / "both", {"a.jsonl": json_lines(*rows)})
    sources = AggregateConfig(
        topics=False, standard_library=False, packages=(), tickets=0, shards=1, max_quarantined_share=0.5,
        records=(RecordsConfig(name="notes", location=location, license="ISC"),),
        collections=(CollectionConfig(name="mails", location=location, license="ISC"),),
    )  # fmt: skip
    outcome = aggregate.run(store, {"as_of": MOMENT, "config": sources})
    assert outcome.metrics["by_license"] == {"ISC": 2, "MIT OR Apache-2.0": 2}
    folder = store.fetch(outcome.ref, tmp_path / "out")
    entries = read_table(folder / "quarantined.parquet")
    assert [entry["line"] for entry in entries] == [3, 3]
    assert all("license is no SPDX expression" in entry["reason"] for entry in entries)
    assert not any(b"Contract with" in file.read_bytes() for file in folder.iterdir())
    with pytest.raises(SourceError, match="license is no SPDX expression") as caught:
        aggregate.run(store, {"as_of": MOMENT, "config": sources.model_copy(update={"max_quarantined_share": 0.1})})
    assert "Anna" not in str(caught.value)


def test_figures_name_the_most_common_licences() -> None:
    counts = Counter({f"LicenseRef-{number:02d}": number for number in range(1, 31)})
    shown = by_licence(counts)
    assert list(shown)[:2] == ["LicenseRef-30", "LicenseRef-29"] and len(shown) == 21
    assert shown["others"] == sum(range(1, 11))
    assert by_licence(Counter({"MIT": 1})) == {"MIT": 1}


def test_the_gate_names_some_of_many_foreign_licences() -> None:
    rows = [{"license": f"LicenseRef-{number:04d}"} for number in range(1000)]
    charter = CharterLimits.model_validate({"limits": {"licences": ["MIT"]}})
    (gate,) = gates.licence_gates([rows], charter)
    assert not gate.passed and "LicenseRef-0000" in gate.measured and gate.measured.endswith("and 980 others")


def test_the_charter_may_write_licences_as_people_do() -> None:
    rows = [{"license": "MIT"}, {"license": "Apache-2.0"}]
    charter = gates.CharterLimits.model_validate({"limits": {"licences": ["mit", "apache-2.0"]}})
    (gate,) = gates.licence_gates([rows], charter)
    assert gate.passed
