"""The label model beats a majority, label errors are found, and the least sure documents come to people."""

import random
from collections import Counter
from pathlib import Path

import pandas
import pytest
from crowdkit.aggregation import MajorityVote, OneCoinDawidSkene
from hypothesis import given, settings
from hypothesis import strategies as st

from include.artifacts.store import ArtifactStore
from include.data_preparation.config import LabelConfig
from include.data_preparation.documents import Document, read_table
from include.data_preparation.label import ERRORS, label
from include.data_preparation.labelling.label_errors import Labelled, find_label_errors
from include.data_preparation.labelling.label_model import Pattern, fit
from include.data_preparation.labelling.lowest import Lowest
from include.data_preparation.labelling.review_candidates import CANDIDATES
from tests.data_preparation.conftest import LATER, USE_CASE, Prepared

LABELS = ("access", "billing", "bug", "outage")
SKILLS = {"careful": 0.95, "good": 0.8, "poor": 0.45, "worse": 0.4, "worst": 0.4}
COVERAGE = 0.6
WORDS = {
    "access": "password login locked account sign token",
    "billing": "invoice refund payment charge seats credit",
    "bug": "traceback raises regression version error crash",
    "outage": "down slow unreachable status timeout available",
}


def _planted_votes(count: int, seed: int) -> tuple[dict[str, Pattern], dict[str, str]]:
    """Votes of functions of known accuracy that often abstain, and the truth."""
    chance = random.Random(seed)
    patterns, truth = {}, {}
    for number in range(count):
        right = chance.choice(LABELS)
        others = [one for one in LABELS if one != right]
        votes = [
            (name, right if chance.random() < skill else chance.choice(others))
            for name, skill in SKILLS.items()
            if chance.random() < COVERAGE
        ]
        patterns[str(number)], truth[str(number)] = Pattern(tuple(votes)), right
    return patterns, truth


def _frame(patterns: dict[str, Pattern]) -> pandas.DataFrame:
    rows = [(task, name, said) for task, pattern in patterns.items() for name, said in pattern.votes]
    return pandas.DataFrame(rows, columns=["task", "worker", "label"])


def _share_right(found: dict[str, str], truth: dict[str, str]) -> float:
    return sum(found.get(task) == right for task, right in truth.items()) / len(truth)


@pytest.mark.parametrize("seed", range(5))
def test_the_label_model_beats_a_majority_and_knows_who_is_right(seed: int) -> None:
    patterns, truth = _planted_votes(3000, seed)
    model = fit(Counter(patterns.values()), dict.fromkeys(SKILLS, 0.7), 50)
    mine = _share_right({task: model.label(pattern)[0] for task, pattern in patterns.items()}, truth)
    majority = _share_right(MajorityVote().fit(_frame(patterns)).labels_.to_dict(), truth)

    assert mine > majority + 0.05
    assert all(abs(model.accuracy[name] - skill) < 0.06 for name, skill in SKILLS.items())
    sure = {task: model.label(pattern) for task, pattern in patterns.items() if model.label(pattern)[1] > 0.9}
    told = sum(confidence for _, confidence in sure.values()) / len(sure)
    right = _share_right({task: name for task, (name, _) in sure.items()}, {task: truth[task] for task in sure})
    assert abs(right - told) < 0.03


def test_without_prior_and_people_it_is_crowd_kits_one_coin_model() -> None:
    patterns, _ = _planted_votes(2000, 9)
    model = fit(Counter(patterns.values()), dict.fromkeys(SKILLS, 0.7), 0, even=0)
    theirs = OneCoinDawidSkene(n_iter=500, tol=1e-9).fit(_frame(patterns))

    for name in SKILLS:
        assert abs(model.accuracy[name] - theirs.skills_[name]) < 0.01
    for task, row in theirs.probas_.iterrows():
        assert all(abs(row[one] - model.posteriors[patterns[str(task)]][one]) < 0.03 for one in LABELS)


def test_few_votes_do_not_outweigh_what_is_expected_and_people_decide() -> None:
    said = Pattern((("sure", "bug"), ("poor", "outage")))
    model = fit({said: 3, Pattern((("poor", "outage"),)): 500}, {"sure": 0.98, "poor": 0.6}, 200)
    assert model.label(said)[0] == "bug" and model.accuracy["sure"] > 0.95
    assert model.label(Pattern(())) == ("", 0.0) and fit({}, {}, 1).posteriors == {}

    person = Pattern(said.votes, ("access", "access", "bug"))
    tie = Pattern(said.votes, ("access", "bug"))
    model = fit({said: 3, person: 1, tie: 1}, {"sure": 0.98, "poor": 0.6}, 200)
    assert model.label(person) == ("access", 1.0)
    assert model.label(tie)[0] == "bug"


def test_a_rare_label_is_not_swallowed_by_frequent_ones() -> None:
    rare, often = Pattern((("one", "rare"),)), Pattern((("one", "often"), ("two", "often")))
    counts = {rare: 20, often: 5000, Pattern((("one", "often"), ("two", "third"))): 900}
    name, confidence = fit(counts, {"one": 0.9, "two": 0.8}, 1000).label(rare)
    assert name == "rare" and confidence > 0.5


def test_people_calibrate_the_functions() -> None:
    said = Pattern((("one", "bug"), ("two", "outage")))
    expected = {"one": 0.8, "two": 0.8}
    told = {Pattern(said.votes, ("outage",)): 60, said: 400}
    model = fit(told, expected, 20)
    assert model.accuracy["two"] > 0.95 > 0.2 > model.accuracy["one"]
    assert model.label(said)[0] == "outage"


def _messages(count: int, wrong: float) -> tuple[list[Labelled], set[str]]:
    chance = random.Random(4)
    documents, planted = [], set()
    for number in range(count):
        right = given = chance.choice(LABELS)
        if chance.random() < wrong:
            given = chance.choice([one for one in LABELS if one != right])
            planted.add(str(number))
        words = chance.choices(WORDS[right].split(), k=5) + chance.choices(
            ["the", "our", "since", "please", "today"], k=8
        )
        documents.append(Labelled(str(number), given, " ".join(words)))
    return documents, planted


def test_planted_label_errors_are_found_with_the_right_label_suggested() -> None:
    documents, planted = _messages(800, 0.08)
    found = find_label_errors([*documents, Labelled("x", "rare", "who knows")], LabelConfig())

    named = {one.id for one in found.suspicions}
    assert len(named & planted) / len(planted) >= 0.8
    assert len(named & planted) / len(named) >= 0.95
    assert planted <= {one.id for one in found.disagreements}
    assert found.examined == 800 and found.rare == {"rare": 1}
    assert all(0.02 < share < 0.16 for share in found.noise.values())
    assert find_label_errors(documents, LabelConfig()).suspicions == found.suspicions
    assert find_label_errors(documents[:1], LabelConfig()).examined == 0
    wordless = [one._replace(text="?! ...") for one in documents]
    assert find_label_errors(wordless, LabelConfig()).examined == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-5, 5), max_size=30), st.integers(0, 8))
def test_the_lowest_are_kept_whatever_the_order(keys: list[int], size: int) -> None:
    lowest: Lowest[tuple[int, int]] = Lowest(size)
    for number, key in enumerate(keys):
        lowest.add(key, f"{number:03d}", (key, number))
    assert lowest.items() == sorted((key, number) for number, key in enumerate(keys))[:size]


def test_the_step_tells_how_functions_voted_and_whom_to_ask(
    store: ArtifactStore, prepared: Prepared, tmp_path: Path
) -> None:
    config = LabelConfig(review=30)
    arguments = {"source": prepared.deduplicated, "use_case": USE_CASE, "as_of": LATER, "config": config}
    outcome = label.run(store, arguments)
    figures = outcome.metrics["functions"]
    assert figures["python_area: title_start"]["coverage"] > 0.5 > figures["python_area: source"]["coverage"]
    assert 0 < figures["python_area: text"]["conflict"] < figures["python_area: text"]["overlap"] <= 1
    assert figures["ticket_category: beginning"]["accuracy"] > figures["python_area: text"]["accuracy"]
    assert outcome.metrics["ticket_accuracy"] >= 0.95
    assert {name.partition(": ")[0] for name in outcome.metrics["noise_by_label"]} == {"ticket_category", "python_area"}

    folder = store.fetch(outcome.ref, tmp_path / "labelled")
    candidates = read_table(folder / CANDIDATES)
    assert len(candidates) == 30 == sum(outcome.metrics["candidates"].values())
    assert len(outcome.metrics["candidates"]) >= 2 and len({row["id"] for row in candidates}) == 30
    assert len(read_table(folder / ERRORS)) == outcome.metrics["suspected"]
    page = (folder / "report.html").read_text()
    documents = [Document(**row) for path in folder.glob("documents-*") for row in read_table(path)]
    tickets = [document for document in documents if document.source == "tickets"]
    assert not any(ticket.text[:60] in page for ticket in tickets)

    again = label.run(store, arguments, force=True)
    assert again.ref == outcome.ref
