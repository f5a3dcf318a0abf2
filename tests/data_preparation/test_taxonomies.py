"""A use case declares labels for its sources: what speaks for them, what comes of it, and what is refused."""

import json
import random
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError
from include.data_preparation.aggregate import aggregate
from include.data_preparation.config import AggregateConfig, LabelConfig
from include.data_preparation.documents import Document, read_all, read_table, write_planted
from include.data_preparation.label import ERRORS, label
from include.data_preparation.labelling.labels import Taxonomies
from include.data_preparation.labelling.review_candidates import CANDIDATES, shares
from include.use_cases import load_use_case
from tests.data_preparation.conftest import LATER
from tests.data_preparation.shards import write_shards

DECLARED = yaml.safe_load("""
taxonomies:
  - name: request
    sources: [helpdesk, mail]
    labels:
      - {name: leave, keywords: [holiday*, "parental leave"], values: [Absence, "7"], sources: [mail]}
      - {name: pay, keywords: [salary, payslip, C++ bonus], patterns: ['EUR \\d+'], titles: ["RE: pay"]}
  - name: mood
    sources: [survey]
    labels:
      - {name: glad, keywords: [great, love, thanks]}
      - {name: cross, keywords: [awful, hate, slow]}
""")
A, B = {"name": "a", "keywords": ["x"]}, {"name": "b", "keywords": ["y"]}
SAID = {
    "leave": [
        "How many holidays are left for me?",
        "I ask for parental  leave from May on.",
        "A holiday in June, please.",
    ],
    "pay": ["My payslip of May is missing.", "The salary came late this month.", "I got eur 200 too little."],
    "glad": ["I love the new canteen.", "Thanks, the course was great.", "Great colleagues here."],
    "cross": ["The lift is awful.", "I hate the slow network.", "Everything is slow today."],
}


def _votes(document: Document, config: dict[str, Any] = DECLARED) -> dict[str, str]:
    ((taxonomy, said),) = Taxonomies(LabelConfig.model_validate(config)).votes([document])
    return {name.removeprefix(f"{taxonomy}: "): one for name, one in said}


def _document(text: str, source: str = "helpdesk", title: str = "", label: str = "", id: str = "d") -> Document:
    return Document(id, source, title, text, "MIT", label=label)


@pytest.mark.parametrize(
    ("document", "votes"),
    [
        (_document("HOLIDAYS!"), {"beginning": "leave", "text": "leave"}),
        (_document("parental\nleave"), {"beginning": "leave", "text": "leave"}),
        (_document("the c++ bonus"), {"beginning": "pay", "text": "pay"}),
        (_document("payslips and a holiday-maker's unsalaryed work"), {"beginning": "leave", "text": "leave"}),
        (_document("salary or holiday"), {}),
        (_document(f"{'x ' * 200} salary"), {"text": "pay"}),
        (_document("it was eur 20"), {"pattern": "pay"}),
        (_document("", title="RE: pay of May"), {"title_start": "pay"}),
        (_document("", title="RE: payment"), {}),
        (_document("", title="HolidayRequest_42"), {"title": "leave"}),
        (_document("", label=" absence "), {"column": "leave"}),
        (_document("", label="Travel"), {}),
        (_document("", source="mail"), {"source": "leave"}),
    ],
)
def test_what_speaks_for_a_label(document: Document, votes: dict[str, str]) -> None:
    assert _votes(document) == votes


def test_a_labelling_function_that_is_not_trusted_does_not_vote() -> None:
    request = DECLARED["taxonomies"][0] | {"trust": {"text": 0, "beginning": 0.6}}
    config = LabelConfig.model_validate({"taxonomies": [request]})
    assert _votes(_document("salary"), {"taxonomies": [request]}) == {"beginning": "pay"}
    assert Taxonomies(config).expected["request: beginning"] == 0.6
    assert Taxonomies(config).expected["request: title"] == 0.7


def test_no_pattern_is_slow_whatever_the_text() -> None:
    # an engine that backtracks takes longer than the sun will shine
    labels = [A | {"patterns": [r"(a+)+(a|aa)+$"]}, B]
    taxonomy = {"name": "request", "sources": ["helpdesk"], "labels": labels}
    assert _votes(_document("a" * 1900 + "!"), {"taxonomies": [taxonomy]}) == {}


def test_own_taxonomies_go_before_those_that_are_built_in() -> None:
    own = DECLARED["taxonomies"][1] | {"sources": ["tickets"]}
    found = Taxonomies(LabelConfig.model_validate({"taxonomies": [own]}))
    documents = [_document("", source=source) for source in ("tickets", "docstrings", "wiki")]
    names = {one.source: taxonomy and taxonomy.name for one in documents for taxonomy in [found.of(one)]}
    assert names == {"tickets": "mood", "docstrings": "python_area", "wiki": None}
    replaced = Taxonomies(LabelConfig.model_validate({"taxonomies": [own | {"name": "python_area"}]}))
    assert replaced.of(documents[1]) is None


@step("dataset")
def made_documents(work: Workspace, seed: int) -> None:
    """Documents of two taxonomies and of none, some with words of the other label."""
    draw, made = random.Random(seed), []
    for number in range(400):
        name = draw.choice(list(SAID))
        source = "helpdesk" if name in ("leave", "pay") else "survey"
        carried = {"leave": "absence", "pay": "money"}.get(name, "") if number % 3 else ""
        words = f"{draw.choice(SAID[name])} {draw.choice(SAID[name])} I am {draw.choice(['Ann', 'Bob', 'Eve'])}."
        made.append(_document(words, source, label=carried, id=f"{name}:{number}"))
    made += [
        _document(f"Chapter {number} of the manual: def f(list): file", "wiki", id=f"w:{number}")
        for number in range(40)
    ]
    write_shards(work.output, made, 2)
    write_planted(work.output, {}, made)


@pytest.fixture(scope="module")
def made(store: ArtifactStore) -> ArtifactRef:
    return made_documents(store, seed=3)


def _arguments(made: ArtifactRef, declared: dict[str, Any]) -> dict[str, Any]:
    config = LabelConfig.model_validate(declared | {"review": 60})
    return {"source": made, "use_case": f"own_{uuid.uuid4().hex[:8]}", "as_of": LATER, "config": config}


def test_sources_of_a_use_case_get_the_labels_that_it_declares(
    store: ArtifactStore, made: ArtifactRef, tmp_path: Path
) -> None:
    outcome = label.run(store, _arguments(made, DECLARED))
    folder = store.fetch(outcome.ref, tmp_path / "labelled")
    documents = read_all(folder)
    mine = [one for one in documents if one.source != "wiki"]
    assert sum(one.label == one.id.partition(":")[0] for one in mine) / len(mine) > 0.95
    assert {(one.label, one.label_confidence) for one in documents if one.source == "wiki"} == {("other", 0.0)}

    metrics = outcome.metrics
    assert metrics["without_taxonomy"] == 40 and metrics["mean_confidence"] > 0.8
    assert metrics["functions"]["request: column"]["votes"] > 50
    assert set(metrics["noise_by_label"]) == {"request: leave", "request: pay", "mood: glad", "mood: cross"}
    choices = {"request": ["leave", "pay", "other"], "mood": ["glad", "cross", "other"]}
    candidates = read_table(folder / CANDIDATES)
    assert {row["taxonomy"] for row in candidates} == set(choices)
    assert not any(row["id"].startswith("w:") for row in candidates)
    for row in candidates:
        assert list(json.loads(row["choices"])) == choices[row["taxonomy"]]
        assert {row["label"], row["suggested"]} <= set(choices[row["taxonomy"]])
    assert all(row["suggested"] != row["label"] for row in read_table(folder / ERRORS))
    assert "40 documents are of sources that no taxonomy is for" in (folder / "report.html").read_text()


def test_what_a_source_itself_says_is_a_vote(store: ArtifactStore, tmp_path: Path) -> None:
    for name in ("table", "dated"):
        (tmp_path / name).mkdir()
    (tmp_path / "table" / "a.csv").write_text("text,kind\nTell me more,absence\nAnd now,7\nWhat else,\n")
    lines = [
        {"id": name, "event_time": "2026-01-01T00:00:00Z", "text": "One more", "label": name}
        for name in ("Absence", "x")
    ]
    (tmp_path / "dated" / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    table = {"name": "helpdesk", "location": str(tmp_path / "table"), "license": "MIT", "columns": {"label": "kind"}}
    dated = {"name": "mine", "location": str(tmp_path / "dated"), "license": "MIT"}
    off = {"topics": False, "standard_library": False, "packages": [], "tickets": 0}
    config = AggregateConfig.model_validate(off | {"collections": [table], "records": [dated]})
    aggregated = aggregate(store, as_of=LATER, config=config)

    request = DECLARED["taxonomies"][0] | {"sources": ["helpdesk", "mail", "records"]}
    outcome = label.run(store, _arguments(aggregated, {"taxonomies": [request]}))
    documents = read_all(store.fetch(outcome.ref, tmp_path / "labelled"))
    assert Counter((one.text, one.label) for one in documents) == {
        ("Tell me more", "leave"): 1,
        ("And now", "leave"): 1,
        ("What else", "other"): 1,
        ("One more", "leave"): 1,
        ("One more", "other"): 1,
    }


def test_without_a_taxonomy_nobody_is_asked_about_topics_of_python(
    store: ArtifactStore, made: ArtifactRef, tmp_path: Path
) -> None:
    outcome = label.run(store, _arguments(made, {}))
    folder = store.fetch(outcome.ref, tmp_path / "labelled")
    assert Counter(one.label for one in read_all(folder)) == {"other": 440}
    assert read_table(folder / CANDIDATES) == [] and outcome.metrics["without_taxonomy"] == 440
    assert outcome.metrics["functions"] == {} and outcome.metrics["mean_confidence"] == 0.0


def test_no_taxonomy_is_crowded_out_where_label_errors_are_looked_for() -> None:
    assert shares({"many": 5000, "few": 30, "some": 400}, 1000) == {"few": 30, "some": 400, "many": 570}
    assert shares({"many": 5000, "more": 5000}, 1001) == {"many": 500, "more": 501}
    assert shares({"many": 5}, 0) == {"many": 0} and shares({}, 10) == {}


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"labels": [A, B | {"keywords": ["X "]}]}, "labels = .*'x' stands in keywords of a and b; keep it in one"),
        ({"labels": [A, {"name": "b"}]}, "labels.1 = .*nothing votes for the label b; give it one or more of keywords"),
        (
            {"labels": [A, B], "trust": {"title": 0, "beginning": 0, "text": 0}},
            "nothing that is trusted votes for .* a;",
        ),
        ({"labels": [A, B | {"name": "a"}]}, "two labels are called a; rename one"),
        ({"labels": [A]}, "nothing to choose from; declare two"),
        ({"labels": [A, B | {"name": "Other"}]}, r"labels\.1\.name = 'Other'"),
        ({"labels": [A, B | {"patterns": ["(a"]}]}, r"labels\.1\.patterns = .*'\(a' is no .*RE2's: missing \)"),
        ({"labels": [A, B | {"patterns": [r"(a)\1"]}]}, r"labels\.1\.patterns = .*invalid escape"),
        ({"labels": [A, B | {"patterns": ["a*"]}]}, r"labels\.1\.patterns = .*found in an empty text"),
        ({"labels": [A, B | {"keywords": ["*"]}]}, r"labels\.1\.keywords = .*no word or phrase"),
        ({"labels": [A, B | {"sources": ["records"]}]}, "b: records is none of the taxonomy's sources, tickets"),
        (
            {"labels": [A, B], "sources": ["wiki"]},
            r"\.0\.sources = 'wiki': the workflow reads no such source",
        ),
        ({"labels": [A, B], "trust": {"words": 1}}, "no labelling function is called words; choose among source"),
        ({"labels": [A, B], "trust": {"text": 1.5}}, r"trust = .*text 1\.5 is not from 0"),
    ],
)
def test_what_cannot_label_is_refused_before_anything_starts(
    tmp_path: Path, changed: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"mine.yaml: data_preparation.label.taxonomies.*{problem}"):
        _load(tmp_path, [{"name": "mine", "sources": ["tickets"]} | changed])


def test_a_source_has_one_taxonomy_and_a_name_is_given_once(tmp_path: Path) -> None:
    one = {"name": "one", "sources": ["tickets"], "labels": [A, B]}
    with pytest.raises(ConfigurationError, match="two taxonomies are called one"):
        _load(tmp_path, [one, one | {"sources": ["records"]}])
    with pytest.raises(ConfigurationError, match="one and two both label the source tickets"):
        _load(tmp_path, [one, one | {"name": "two"}])
    assert _load(tmp_path, [one, one | {"name": "two", "sources": ["records"]}])


def _load(folder: Path, taxonomies: list[dict[str, Any]]) -> Any:
    content = yaml.safe_load(Path("include/use_cases/python_assistant.yaml").read_text())
    content["data_preparation"]["label"] = {"taxonomies": taxonomies}
    (folder / "mine.yaml").write_text(yaml.safe_dump(content))
    return load_use_case("mine", folder=folder)
