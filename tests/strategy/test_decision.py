"""The decision, rule by rule, and what the use case makes of it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from include.artifacts.store import ArtifactStore
from include.strategy.accelerators import training_device
from include.strategy.charter import charter
from include.strategy.config import SENSITIVITIES, StrategyConfig
from include.strategy.decision import BY_USE_CASE, Decision, decide
from include.strategy.decision_rules import HOSTINGS, ROUTES, TECHNIQUES, Facts, Rule
from include.strategy.estimate import size
from include.strategy.fitting import simplest
from include.strategy.memory import frozen_states
from include.use_cases import load_use_case

# 1.35e8 parameters; enough of everything
PLENTY = Facts(
    parameters=135_000_000,
    tokens=10**10,
    examples=50_000,
    preference_pairs=1_000,
    sensitivity="public",
    domain="specialised",
    money_for_training=1_000,
    latency_seconds=10,
    few_shot_seconds=2,
    scratch_cost=250,
    full_cost=10,
    continued_cost=100,
    preference_cost=10,
    full_fits=True,
    adapter_fits=True,
    hosted_cost=10,
    own_cost=40,
)
FEW: dict[str, Any] = {"examples": 30}
TABLES: Mapping[str, tuple[Rule[Any], ...]] = {"route": ROUTES, "hosting": HOSTINGS, **TECHNIQUES}
CASES: list[tuple[str, dict[str, Any], Any, str, str]] = [
    ("route", {"tokens": None}, "pretrained", "volume unknown", "declares no tokens"),
    ("route", {"tokens": 10**9}, "pretrained", "too little text", "7.41 a parameter"),
    ("route", {"tokens": 2_699_999_999}, "pretrained", "too little text", "134,999,999 parameters"),
    ("route", {"tokens": 2_700_000_000}, "race", "both are affordable", "20 tokens a parameter are enough"),
    ("route", {"money_for_training": 249}, "pretrained", "from scratch over budget", "cost 250.00"),
    ("route", {"full_fits": False}, "pretrained", "does not fit the devices", "any ZeRO stage"),
    ("route", {"domain": "general"}, "pretrained", "public models have read such text", "read such text already"),
    ("route", {"domain": "unlike"}, "scratch", "public models have not read such text", "know no such text"),
    ("route", {"domain": "unlike", "tokens": 10**6}, "pretrained", "too little text", "0.00741 a parameter"),
    ("hosting", {"sensitivity": "personal"}, "own", "sensitive data", "personal data, which a hosted service"),
    ("hosting", {"sensitivity": "confidential"}, "own", "sensitive data", "confidential data"),
    ("hosting", {"sensitivity": "internal"}, "own", "internal data", "only under a contract"),
    ("hosting", {"hosted_cost": None}, "own", "no offer", "hosted_price_per_million_tokens"),
    ("hosting", {}, "hosted", "hosted is much cheaper", "10.00 hosted, 40.00 on hardware"),
    ("hosting", {"hosted_cost": 0.0, "own_cost": 0.0}, "own", "own is cheap enough", "nothing leaves it"),
    ("hosting", {"hosted_cost": 21.0}, "own", "own is cheap enough", "nothing leaves it"),
    ("few_shot", {"examples": 0}, False, "no example", "no example to show"),
    ("few_shot", FEW | {"few_shot_seconds": 11}, False, "too slow", "takes 11 s, and may take 10 s"),
    ("few_shot", FEW, True, "few examples", "30 examples are too few to train on"),
    ("few_shot", {}, False, "small model", "under 10^9 parameters"),
    ("few_shot", {"parameters": 8 * 10**9}, True, "cheap", "trains nothing"),
    ("few_shot", {"examples": None}, False, "small model", "under 10^9 parameters"),
    ("prompt_tuning", {"examples": 49}, False, "few examples", "49 examples are learnt by heart"),
    ("prompt_tuning", {}, False, "left behind", "stays behind where there are 50,000"),
    ("prompt_tuning", {"parameters": 10**10}, True, "cheap", "train fast"),
    ("prompt_tuning", {"examples": 50}, True, "cheap", "train fast"),
    ("prompt_tuning", {"examples": None}, True, "cheap", "train fast"),
    (
        "prompt_tuning",
        {"examples": 50, "adapter_fits": False},
        False,
        "does not fit",
        "do not fit the devices at any ZeRO stage",
    ),
    ("prompt_tuning", {"examples": 50, "full_cost": 1_001}, False, "over budget", "three epochs cost 1,001.00"),
    ("lora", {"examples": 99}, False, "few examples", "99 examples"),
    ("lora", {"adapter_fits": False}, False, "does not fit", "do not fit the devices at any ZeRO stage"),
    ("lora", {"full_cost": 1_001}, False, "over budget", "three epochs cost 1,001.00"),
    ("lora", {"examples": None}, True, "volume unknown", "most volumes"),
    ("lora", {"examples": 100}, True, "enough", "100 examples are enough"),
    ("full", {"examples": None}, False, "volume unknown", "no number of examples"),
    ("full", {"examples": 9_999}, False, "few examples", "with 9,999 examples"),
    ("full", {"full_fits": False}, False, "does not fit", "do not fit the devices"),
    ("full", {"full_cost": 1_001}, False, "over budget", "leaves 1,000.00"),
    ("full", {}, True, "enough", "50,000 examples can use all weights"),
    ("continued_pretraining", {"tokens": None}, False, "volume unknown", "no number of tokens"),
    ("continued_pretraining", {"domain": "general"}, False, "general", "have read such text"),
    ("continued_pretraining", {"tokens": 9_999_999}, False, "little text", "9,999,999 tokens do not shift"),
    ("continued_pretraining", {"full_fits": False}, False, "does not fit", "do not fit the devices"),
    ("continued_pretraining", {"continued_cost": 1_001}, False, "over budget", "costs 1,001.00"),
    ("continued_pretraining", {}, True, "enough", "of a domain of its own"),
    ("dpo", {"preference_pairs": 499}, False, "few preferences", "499 pairs"),
    ("dpo", {"adapter_fits": False}, False, "does not fit", "do not fit the devices at any ZeRO stage"),
    ("dpo", {"preference_cost": 1_001}, False, "over budget", "three epochs cost 1,001.00"),
    ("dpo", {}, True, "enough", "1,000 preferences"),
]


@pytest.mark.parametrize(("table", "changes", "choice", "name", "words"), CASES)
def test_the_first_rule_that_applies_decides(
    table: str, changes: dict[str, Any], choice: Any, name: str, words: str
) -> None:
    facts = replace(PLENTY, **changes)
    rule = next(rule for rule in TABLES[table] if rule.applies(facts))
    assert (rule.choice, rule.name) == (choice, name)
    assert words in rule.why(facts)


def test_every_rule_has_a_case() -> None:
    rules = {(table, rule.name) for table, rules in TABLES.items() for rule in rules}
    assert rules == {(table, name) for table, _, _, name, _ in CASES}


def declared(**changes: Any) -> StrategyConfig:
    base = load_use_case("python_assistant").strategy.model_dump()
    return StrategyConfig.model_validate(base | {"decision": {}} | changes)


def decided(*configured: str, **changes: Any) -> Decision:
    config = declared(**changes)
    return decide(config, size(config), configured)


COUNTS = st.one_of(st.none(), st.integers(0, 10**13))


@settings(deadline=None)
@given(
    volumes=st.lists(
        st.tuples(st.sampled_from(SENSITIVITIES), COUNTS, COUNTS, st.integers(0, 10**9)), min_size=1, max_size=4
    ),
    budget=st.floats(0, 1e12),
    price=st.one_of(st.none(), st.floats(0, 1e6)),
    domain=st.sampled_from(["general", "specialised", "unlike"]),
)
def test_every_use_case_gets_a_reasoned_decision_and_sensitive_data_is_never_hosted(
    volumes: list[tuple[str, int | None, int | None, int]], budget: float, price: float | None, domain: str
) -> None:
    sources = [
        {"name": f"s{i}", "sensitivity": kind, "tokens": tokens, "examples": examples, "preference_pairs": pairs}
        for i, (kind, tokens, examples, pairs) in enumerate(volumes)
    ]
    found = decided(
        data_sources=sources,
        limits={"licences": ["MIT"], "budget": budget},
        serving={"hosted_price_per_million_tokens": price},
        decision={"domain": domain},
    )
    for one in (found.route, found.hosting, *found.techniques):
        assert one.reason and one.chosen == one.recommended
    if {kind for kind, *_ in volumes} != {"public"}:
        assert found.hosting.chosen == "own"


LLAMA_70B = {
    "parameters": 70_553_706_496,
    "layers": 80,
    "hidden_size": 8192,
    "vocabulary": 128_256,
    "attention_heads": 64,
    "key_value_heads": 8,
    "head_size": 128,
}


def test_frozen_weights_are_sharded_over_the_declared_devices() -> None:
    sources = [{"name": "docstrings", "sensitivity": "public", "examples": 20_400}]
    plan = {"device": "h100_sxm", "devices": 64, "zero_stage": 3, "micro_batch": 1, "sequence_length": 2048}
    limits = {"licences": ["MIT"], "budget": 10**9}
    found = decided(model=LLAMA_70B, data_sources=sources, limits=limits, training=plan)
    assert {one.name for one in found.techniques if one.chosen} >= {"prompt_tuning", "lora", "full"}
    # 141 GB of weights do not fit one device of 80 GB, and lie in its host's memory of 256 GB where stage 3 moves them
    alone = decided(model=LLAMA_70B, data_sources=sources, limits=limits, training=plan | {"devices": 1})
    assert (alone.facts["full_fits"], alone.facts["adapter_fits"]) == (False, True)
    plan = plan | {"devices": 1, "host_memory_gb": 200}
    assert decided(model=LLAMA_70B, training=plan).facts["adapter_fits"] is False


@settings(deadline=None)
@given(
    parameters=st.integers(10**6, 10**12),
    vocabulary=st.integers(1, 10**6),
    device=st.sampled_from(["cpu_core", "l4", "h100_sxm"]),
    devices=st.integers(1, 1_024),
    devices_a_node=st.integers(1, 16),
    host=st.one_of(st.none(), st.floats(0, 10_000)),
)
def test_what_fits_with_all_weights_trained_fits_with_frozen_ones(
    parameters: int, vocabulary: int, device: str, devices: int, devices_a_node: int, host: float | None
) -> None:
    config = declared(
        model={"parameters": parameters, "vocabulary": vocabulary},
        training={"device": device, "devices": devices, "devices_a_node": devices_a_node, "host_memory_gb": host},
    )
    kind = training_device(config)
    for count in {1, devices}:
        assert simplest(config, kind, [count], frozen_states) or not simplest(config, kind, [count])


def test_the_sample_is_too_small_to_train_from_scratch_and_large_enough_for_adapters() -> None:
    found = decided("lora", "prompt_tuning")
    assert (found.route.chosen, found.route.rule) == ("pretrained", "too little text")
    assert [one.name for one in found.techniques if one.chosen] == ["prompt_tuning", "lora"]
    raced = "training races a model from scratch and a pretrained one, and the decision is pretrained"
    assert found.deviations == (f"{raced}: {found.route.reason}",)


def test_costs_count_what_is_recomputed() -> None:
    plan = load_use_case("python_assistant").strategy.training.model_dump()
    without, with_it = (decided(training=plan | {"recompute": how}).facts for how in ("attention", "all"))
    assert without["full_cost"] > 0
    for name in ("scratch_cost", "full_cost", "continued_cost"):
        assert with_it[name] == pytest.approx(8 / 6 * without[name])


def test_what_the_use_case_decides_wins_and_the_recommendation_stays_visible() -> None:
    found = decided(decision={"route": "race", "techniques": ["dpo"], "hosting": "hosted"})
    assert (found.route.chosen, found.route.reason) == ("race", BY_USE_CASE)
    assert found.route.recommended == "pretrained" and "a parameter" in found.route.recommended_because
    assert {one.name: one.chosen for one in found.techniques if one.reason == BY_USE_CASE} == {
        name: name == "dpo" for name in TECHNIQUES
    }
    assert found.deviations == (
        "inferencing serves on hardware of one's own, and the decision is hosted",
        "hosted is not recommended: there is personal data, which a hosted service would get to see",
    )


def test_techniques_that_are_raced_against_the_decision_are_named() -> None:
    found = decided("prompt_tuning", "full", decision={"route": "race"})
    told = "; ".join(found.deviations)
    assert "races full, which is not worth it: with 1,600 examples" in told
    assert "does not race lora, which is worth it: 1,600 examples are enough" in told
    assert "prompt_tuning" not in told


def test_the_charter_holds_the_decision_and_its_page_warns(store: ArtifactStore) -> None:
    config = declared(decision={"route": "pretrained"})
    ref = charter(store, config=config, techniques=["full"])
    document, page = json.loads(store.read(ref, "charter.json")), store.read(ref, "report.html").decode()
    assert document["decision"]["route"]["chosen"] == "pretrained"
    assert document["decision"]["route"]["reason"] == BY_USE_CASE
    assert document["decision"]["hosting"]["recommended"] == "own"
    assert store.manifest(ref).metrics["passed"] is True
    assert store.manifest(ref).metrics["deviations"] == 4
    # what is raced changes the page alone: no later step has to run again for it
    assert charter(store, config=config, techniques=["lora"]).digest == ref.digest
    for words in ("Warning: customization.techniques races full", "technique prompt tuning", BY_USE_CASE):
        assert words in page


@pytest.mark.parametrize("wrong", [{"route": "buy"}, {"techniques": ["magic"]}, {"rout": "race"}])
def test_a_choice_that_does_not_exist_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        declared(decision=wrong)
