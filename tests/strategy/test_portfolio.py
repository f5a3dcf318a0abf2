"""The ranking of use cases: its arithmetic, and that no use case is ever missing from it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from include.cli.main import OK, main
from include.cli.portfolio import portfolio_page, read_portfolio
from include.core.errors import ConfigurationError
from include.core.settings import PROJECT_ROOT, read_settings, settings
from include.strategy.config import StrategyConfig
from include.strategy.portfolio import Portfolio, portfolio
from include.use_cases import load_use_case, use_case_names

WEIGHTS = {"value": 4.0, "feasibility": 3.0, "risk": 2.0, "cost": 1.0}
SAMPLE = PROJECT_ROOT / "include" / "use_cases" / "python_assistant.yaml"
SCORES = st.tuples(*[st.integers(1, 5)] * 3)


def declared(value: int = 4, feasibility: int = 4, risk: int = 2, **changes: Any) -> StrategyConfig:
    scores = {"value": value, "feasibility": feasibility, "risk": risk}
    assessment = {name: {"score": score, "reason": "because"} for name, score in scores.items()}
    base = load_use_case("python_assistant").strategy.model_dump()
    return StrategyConfig.model_validate(base | {"assessment": assessment} | changes)


BASE = declared()


def with_scores(scores: tuple[int, ...]) -> StrategyConfig:
    assessment = BASE.assessment
    assert assessment
    parts = zip(("value", "feasibility", "risk"), scores, strict=True)
    update = {name: getattr(assessment, name).model_copy(update={"score": score}) for name, score in parts}
    return BASE.model_copy(update={"assessment": assessment.model_copy(update=update)})


def test_the_score_is_each_part_times_its_weight_added_up() -> None:
    serving = {"replica_hour_price": 0.0, "replica_tokens_per_second": 100}
    training = {"tokens": 100_000, "devices": 2, "device_teraflops": 0.4, "device_hour_price": 0.0}
    (free,) = portfolio([("a", "A", declared(5, 3, 2, serving=serving, training=training))], {}, WEIGHTS).ranked
    # value (5-1)/4 x 40 + feasibility (3-1)/4 x 30 + risk (1 - (2-1)/4) x 20 + cost (1 - 0) x 10
    assert [(one.part, one.weight, one.points) for one in free.contributions] == [
        (1.0, 40.0, 40.0),
        (0.5, 30.0, 15.0),
        (0.75, 20.0, 15.0),
        (1.0, 10.0, 10.0),
    ]
    assert (free.place, free.score) == (1, 80.0)


@pytest.mark.parametrize(("budget", "part"), [(73.0, 0.5), (36.5, 0.0), (10, 0.0), (0, 0.0)])
def test_cost_counts_against_the_budget_and_never_below_nothing(budget: float, part: float) -> None:
    training = {"device_hour_price": 0.0}
    strategy = declared(limits={"licences": ["MIT"], "budget": budget}, training=training)
    (one,) = portfolio([("a", "A", strategy)], {}, WEIGHTS).ranked

    assert one.contributions[-1].part == pytest.approx(part)
    assert one.contributions[-1].declared == f"36.50 of {budget:,.2f} EUR"
    assert bool(one.breaches) == (budget < 36.5)


@given(scores=st.dictionaries(st.from_regex(r"[a-z]{1,4}", fullmatch=True), SCORES), order=st.randoms())
def test_the_ranking_is_total_and_does_not_depend_on_the_order_of_reading(
    scores: dict[str, tuple[int, ...]], order: Any
) -> None:
    entries = [(name, name, with_scores(given)) for name, given in scores.items()]
    told = portfolio(entries, {}, WEIGHTS)
    order.shuffle(entries)

    assert portfolio(entries, {}, WEIGHTS) == told
    assert [one.place for one in told.ranked] == list(range(1, len(scores) + 1))
    assert sorted(told.ranked, key=lambda one: (-one.score, one.name)) == list(told.ranked)
    for one in told.ranked:
        assert one.score == pytest.approx(sum(part.points for part in one.contributions), abs=1e-6)
        assert 0 <= one.score <= 100


def test_equal_sums_are_ordered_by_name_whatever_floats_make_of_them() -> None:
    # 100 / 6 + 200 / 6 + 0 = 0 + 0 + 300 / 6
    weights = {"value": 0.1, "feasibility": 0.2, "risk": 0.3, "cost": 0.0}
    entries = [("b", "B", declared(5, 5, 5)), ("a", "A", declared(1, 1, 1)), ("c", "C", declared(1, 1, 1))]
    told = portfolio(entries, {}, weights)

    assert [(one.name, one.score) for one in told.ranked] == [("a", 50.0), ("b", 50.0), ("c", 50.0)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENAI_USE_CASES_FOLDER", str(tmp_path))
    settings.cache_clear()
    content = yaml.safe_load(SAMPLE.read_text())
    (tmp_path / "good.yaml").write_text(yaml.safe_dump(content))
    content["title"] = "<script>alert(1)</script>"
    content["strategy"]["assessment"]["value"]["score"] = 5
    content["strategy"]["assessment"]["risk"]["reason"] = "<img src=x onerror=alert(2)>"
    (tmp_path / "better.yaml").write_text(yaml.safe_dump(content))
    del content["strategy"]["assessment"]
    (tmp_path / "unassessed.yaml").write_text(yaml.safe_dump(content))
    content["strategy"]["assessment"] = {"value": {"score": 4}}
    (tmp_path / "half.yaml").write_text(yaml.safe_dump(content))
    del content["strategy"]["assessment"]
    (tmp_path / "huge.yaml").write_text(yaml.safe_dump(content | {"schedule": "<b>"}))
    (tmp_path / "broken.yaml").write_text("goal: [")
    wish = SAMPLE.read_text().replace("  objectives:\n", "  objectives:\n    - Be liked.\n")
    (tmp_path / "wish.yaml").write_text(wish)
    (tmp_path / "looped.yaml").write_text("a: &a [*a]")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "UPPER.yaml").write_text(SAMPLE.read_text())
    (tmp_path / "numbers.yaml").write_text("1: 2\n? [a]\n: b")
    (tmp_path / "a_folder.yaml").mkdir()
    yield tmp_path
    settings.cache_clear()


def test_each_use_case_is_listed_whatever_is_wrong_with_another(folder: Path) -> None:
    told = read_portfolio(use_case_names())

    assert [one.name for one in told.ranked] == ["better", "good"]
    assert [one.name for one in told.not_assessed] == ["unassessed"]
    failed = {one.name: one.problem for one in told.failed}
    assert set(failed) == {"UPPER", "a_folder", "binary", "broken", "half", "huge", "looped", "numbers", "wish"}
    assert "strategy.objectives.0 = 'Be liked.': nothing measures a sentence alone" in failed["wish"]
    assert "strategy.assessment.value.reason = None: it is required" in failed["half"]
    assert "Is a directory" in failed["a_folder"]


def test_a_plan_that_cannot_be_sized_is_told_and_hides_nothing() -> None:
    huge = BASE.model_copy(update={"model": BASE.model.model_copy(update={"parameters": 10**400})})
    told = portfolio([("a", "A", BASE), ("b", "B", huge)], {}, WEIGHTS)

    assert [one.name for one in told.ranked] == ["a"]
    assert "cannot be sized" in told.failed[0].problem


def test_the_command_shows_the_arithmetic_and_what_has_no_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["portfolio"]) == OK
    shown = capsys.readouterr().out
    assert "1.00 x 40 = 40.0" in shown and "0.75 x 20 = 15.0" in shown
    assert "unassessed: not assessed" in shown and "broken is not ranked: broken.yaml: line 1" in shown

    assert main(["portfolio", "--json"]) == OK
    told = Portfolio.model_validate(json.loads(capsys.readouterr().out))
    assert told == read_portfolio(use_case_names())


def test_the_page_escapes_what_people_wrote_and_asks_nothing_of_other_servers(folder: Path) -> None:
    page = portfolio_page(read_portfolio(use_case_names()), {"good": "/dags/good"}).page()

    assert "<script>" not in page and "<img" not in page and "<b>" not in page
    assert "Cannot be ranked" in page and "nothing measures a sentence alone" in page
    assert "&lt;script&gt;alert(1)" in page and '<a href="/dags/good">' in page
    assert "http" not in page and "url(" not in page


@pytest.mark.parametrize(
    "weights",
    ["value=1", "value=1,feasibility=1,risk=1,cost=x", "value=0,feasibility=0,risk=0,cost=0", "1,2,3,4",
     "value=1,feasibility=1,risk=1,cost=nan", "value=-1,feasibility=1,risk=1,cost=1",
     "value=1,value=2,feasibility=1,risk=1,cost=1", "value=1,feasibility=1,risk=1,cost=1,fun=1"],
)  # fmt: skip
def test_wrong_weights_are_refused_by_name(weights: str) -> None:
    with pytest.raises(ConfigurationError, match="GENAI_PORTFOLIO_WEIGHTS"):
        read_settings({"GENAI_PORTFOLIO_WEIGHTS": weights})


@pytest.mark.parametrize("score", [0, 6, 2.5, "4", True, None])
def test_a_score_is_one_of_five_grades(score: object) -> None:
    with pytest.raises(ValueError, match="score"):
        declared(assessment={name: {"score": score, "reason": "r"} for name in ("value", "feasibility", "risk")})
