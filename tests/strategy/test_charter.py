"""The charter step on a real store: what later steps and a manager read from it."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from include.artifacts.store import ArtifactStore
from include.strategy.charter import charter
from include.strategy.config import StrategyConfig
from include.strategy.estimate import breaches, size
from include.use_cases import load_use_case


def declared(**changes: Any) -> StrategyConfig:
    base = load_use_case("python_assistant").strategy.model_dump()
    return StrategyConfig.model_validate(base | changes)


def test_later_steps_find_indicators_limits_and_sizing(store: ArtifactStore) -> None:
    ref = charter(store, config=declared())
    document = json.loads(store.read(ref, "charter.json"))
    assert [item["name"] for item in document["indicators"]] == [
        "answer_bits_per_char",
        "answer_chrf",
        "seconds_per_answer",
    ]
    assert document["indicators"][0].keys() >= {"name", "target", "direction", "required"}
    assert "Apache-2.0" in document["limits"]["licences"]
    assert document["limits"]["max_parameters"] == 500_000_000
    # 134,515,008 x (2 + 18 / 2), and the activations
    plan, active = document["sizing"]["training_plan"], document["sizing"]["activations_gb"]
    assert plan["device_gb"] - active == pytest.approx(1.479665088)
    # 2 x 30 x 3 x 64 x 2 bytes
    assert document["sizing"]["cache_kb_a_token"] == pytest.approx(23.04)
    # 8 users / 10 s x 96 tokens
    assert document["sizing"]["demanded_tokens_per_second"] == pytest.approx(76.8)
    # 1 replica x 730 hours x 0.05
    assert document["sizing"]["serving_cost_a_month"] == pytest.approx(36.5)
    assert store.manifest(ref).metrics["passed"] is True


def test_the_page_shows_the_declaration_and_the_arithmetic(store: ArtifactStore) -> None:
    ref = charter(store, config=declared(owner="<script>alert(1)</script>"))
    page = store.read(ref, "report.html").decode()
    assert "<script>" not in page
    for text in (
        "Support tickets repeat questions",
        "Answers take seconds to compute",
        "agree with the ones known to be right",
        "answer_bits_per_char",
        "at most 1.6",
        "3.5 GB, fits",
        "h100_sxm",
        "pydoc_topics",
        "100.00 EUR",
        "6 x 134,515,008 parameters x 100,000 tokens",
        "2 x 30 layers x 3 heads x 64 values",
    ):
        assert text in page


def test_the_page_tells_how_replicas_are_counted_and_warns_of_a_shape_that_cannot_be(store: ArtifactStore) -> None:
    predicted = store.read(charter(store, config=declared()), "report.html").decode()
    assert "8 / (20 x 1)" in predicted and "rounded up = 1, with up to 8 at once on each" in predicted
    assert "Warning: strategy.model" not in predicted
    changed = declared(serving={"replica_tokens_per_second": 20}, model={"parameters": 400_000_000})
    page = store.read(charter(store, config=changed), "report.html").decode()
    assert "76.8 tokens a second; / 20 a replica, as measured, rounded up = 4" in page
    assert "Warning: strategy.model.parameters is 400,000,000, and the declared shape (30 layers" in page


def test_memory_and_latency_are_those_of_the_answers_in_flight_where_more_arrive_than_users_are_declared() -> None:
    sized = size(declared(demand={"concurrent_users": 1, "requests_a_day": 10_000_000, "latency_seconds": 10}))
    in_flight = sized.peak_requests_per_second * sized.batch_seconds
    assert in_flight > 1000 and sized.replicas == pytest.approx(in_flight / sized.batch, abs=1)
    assert sized.streams_a_replica == pytest.approx(in_flight / sized.replicas, abs=1)
    assert sized.answer_seconds == pytest.approx(sized.batch_seconds, rel=0.2)
    # 296 tokens of 23.04 kB for each of them
    assert sized.cache_gb == pytest.approx(sized.streams_a_replica * 296 * 23.04e-6)


@pytest.mark.parametrize(
    ("demand", "measured", "limit"),
    [
        ({"latency_seconds": 0.5}, 5_000, "latency_seconds"),
        ({"first_token_seconds": 0.1}, 200, "first_token_seconds"),
        # one answer at a time is in time, and the eight at once of a replica that yields enough are not
        ({"latency_seconds": 2}, 5_000, "latency_seconds"),
    ],
)
def test_a_measured_throughput_leaves_the_latency_as_it_is(demand: dict[str, Any], measured: int, limit: str) -> None:
    config = declared(demand=demand, serving={"replica_tokens_per_second": measured})
    sized = size(config)
    assert sized.streams_a_replica == 8 // sized.replicas
    (breach,) = breaches(config, sized)
    assert f"at once, more than strategy.demand.{limit}" in breach


def test_a_measured_throughput_leaves_what_is_in_flight_as_it_is() -> None:
    model = {
        "parameters": 7 * 10**9,
        "layers": 32,
        "hidden_size": 4096,
        "attention_heads": 32,
        "key_value_heads": 32,
        "head_size": 128,
        "weight_bytes": 2,
    }
    demand = {"concurrent_users": 1, "requests_a_day": 1_000_000, "prompt_tokens": 1_000, "answer_tokens": 300}
    plan = {"device": "h100_sxm"}
    predicted = size(declared(model=model, demand=demand, serving=plan))
    speed = predicted.replica_tokens_per_second
    measured = size(declared(model=model, demand=demand, serving=plan | {"replica_tokens_per_second": speed}))
    for name in ("replicas", "streams_a_replica", "serving_memory_gb", "answer_seconds"):
        assert getattr(measured, name) == pytest.approx(getattr(predicted, name)), name
    assert predicted.streams_a_replica > 10
    faster = size(declared(model=model, demand=demand, serving=plan | {"replica_tokens_per_second": 10 * speed}))
    assert faster.replicas == pytest.approx(predicted.replicas / 10, abs=1)
    assert faster.streams_a_replica == predicted.batch


def test_the_page_warns_where_attention_that_is_not_counted_takes_much_of_the_time(store: ArtifactStore) -> None:
    page = store.read(charter(store, config=declared()), "report.html").decode()
    assert "attention computes" not in page
    changed = declared(training={"sequence_length": 8192, "micro_batch": 1}, demand={"prompt_tokens": 4096})
    page = store.read(charter(store, config=changed), "report.html").decode()
    # 30 x 9 x 64 x 8192 / 134,515,008
    assert "strategy.training.sequence_length 8,192, attention computes 105% more than is counted" in page
    assert "strategy.demand.prompt_tokens 4,096, attention computes 53% more than is counted" in page


def test_the_same_declaration_is_the_same_artifact(store: ArtifactStore) -> None:
    first = charter.run(store, {"config": declared(owner="somebody")})
    second = charter.run(store, {"config": declared(owner="somebody")})
    assert (first.reused, second.reused) == (False, True)
    assert first.ref == second.ref


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"limits": {"licences": ["MIT"], "max_parameters": 1_000}}, "strategy.limits.max_parameters 1,000"),
        ({"limits": {"licences": ["MIT"], "budget": 10}}, "strategy.limits.budget 10.00 EUR"),
        ({"training": {"device_memory_gb": 1}}, "strategy.training.device_memory_gb 1"),
        ({"serving": {"replica_memory_gb": 0.1}}, "strategy.serving.replica_memory_gb 0.1"),
        (
            {"serving": {"replica_teraflops": 0.01, "replica_hour_price": 0}},
            "more than strategy.demand.latency_seconds 10",
        ),
        ({"demand": {"first_token_seconds": 0.1}}, "more than strategy.demand.first_token_seconds 0.1"),
        (
            {"training": {"device": "l4", "zero_stage": 3, "offload": "all", "host_memory_gb": 0.1, "tokens": 1}},
            "strategy.training.host_memory_gb 0.1 each",
        ),
        ({"training": {"zero_stage": 3, "offload": "all"}}, "the device cpu_core is the host itself"),
    ],
)
def test_a_plan_beyond_its_limits_does_not_pass(store: ArtifactStore, changes: dict[str, Any], words: str) -> None:
    config = declared(**changes)
    assert len(breaches(config, size(config))) == 1
    outcome = charter.run(store, {"config": config})
    assert outcome.metrics["passed"] is False
    assert words in outcome.metrics["verdict"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"indicators": [{"name": "happiness", "target": 1, "direction": "at_least"}]},
            "nothing measures it.*answer_chrf.*by evaluation.evaluate",
        ),
        (
            {"objectives": [{"text": "Be liked", "indicators": ["answer_nll"]}]},
            "objectives.0.indicators names answer_nll, which strategy.indicators does not",
        ),
        ({"objectives": [{"text": " ", "indicators": ["answer_chrf"]}]}, "at least 1"),
        ({"objectives": ["Be liked"]}, "nothing measures a sentence alone"),
        ({"objectives": [{"text": "Be liked", "indicators": []}]}, "objectives.0.indicators\n.*at least 1"),
        ({"objectives": [{"text": "Be liked"}]}, "objectives.0.indicators\n.*required"),
        ({"training": {"zero_stage": 2, "offload": "all"}}, "stage 2 cannot offload all"),
        ({"indicators": []}, "at least 1"),
        (
            {"indicators": [{"name": "answer_chrf", "target": 10, "direction": "at_most", "required": True}]},
            "indicators.0.direction\n.*a higher answer_chrf is better: its direction is at_least",
        ),
        (
            {"indicators": [{"name": "answer_bits_per_char", "target": 1, "direction": "at_least"}]},
            "indicators.0.direction\n.*a lower answer_bits_per_char is better: its direction is at_most",
        ),
        ({"model": {"parameters": 10**400}}, "model.parameters\n.*less than or equal to 1000000000000000"),
        ({"training": {"tokens": 10**400}}, "training.tokens\n.*less than or equal to"),
        (
            {"model": {"key_value_heads": 64}},
            "model.key_value_heads\n.*64 heads do not divide the 9 attention_heads that share them: 1, 3, 9 do",
        ),
        ({"model": {"attention_heads": 8}}, "model.key_value_heads\n.*3 heads do not divide the 8"),
        ({"serving": {"replica_hour_price": 1.7e308}}, "replica_hour_price\n.*less than or equal to 1000000000"),
        ({"training": {"device_hour_price": 1.7e308}}, "device_hour_price\n.*less than or equal to 1000000000"),
        ({"serving": {"hosted_price_per_million_tokens": 1.7e308}}, "per_million_tokens\n.*less than or equal to"),
        ({"serving": {"replica_tokens_per_second": 1e-300}}, "tokens_per_second\n.*greater than or equal to 0.01"),
        ({"serving": {"replica_teraflops": 1e-300}}, "replica_teraflops\n.*greater than or equal to"),
        ({"serving": {"replica_bandwidth_gbs": 1e-300}}, "replica_bandwidth_gbs\n.*greater than or equal to"),
        ({"serving": {"compute_utilization": 1e-300}}, "compute_utilization\n.*greater than or equal to"),
        ({"training": {"device_teraflops": 1e-300}}, "device_teraflops\n.*greater than or equal to"),
        ({"demand": {"latency_seconds": 1e-300}}, "latency_seconds\n.*greater than or equal to"),
        ({"indicators": [{"name": "answer_nll", "target": float("nan"), "direction": "at_most"}]}, "finite"),
        (
            {
                "indicators": [{"name": "answer_nll", "target": 1, "direction": "at_most"}] * 2,
                "objectives": [{"text": "a", "indicators": ["answer_nll"]}],
            },
            "answer_nll more than once",
        ),
        ({"data_sources": [{"name": "a", "sensitivity": "secret"}]}, "confidential"),
        ({"limits": {"licences": []}}, "at least 1"),
        ({"owner": "  "}, "at least 1"),
    ],
)
def test_wrong_declarations_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        declared(**changes)


def test_the_largest_and_the_slowest_that_can_be_declared_are_finite_in_the_charter(store: ArtifactStore) -> None:
    config = declared(
        model={"parameters": 10**15, "layers": 10_000, "head_size": 10_000},
        demand={"concurrent_users": 10**6, "requests_a_day": 10**10, "peak_factor": 100, "latency_seconds": 0.001}
        | {"prompt_tokens": 10**6, "answer_tokens": 10**6},
        training={"tokens": 10**18, "device_teraflops": 1e-6, "utilization": 0.001, "device_hour_price": 10**9},
        serving={"replica_teraflops": 1e-6, "replica_bandwidth_gbs": 0.001, "replica_hour_price": 10**9}
        | {"bandwidth_utilization": 0.001, "compute_utilization": 0.001, "hosted_price_per_million_tokens": 10**9},
    )
    document = store.read(charter(store, config=config), "charter.json")
    assert json.loads(document, parse_constant=pytest.fail)["sizing"]["replicas"] > 10**6


def test_what_the_data_is_held_to_is_in_the_charter_and_on_its_page(store: ArtifactStore) -> None:
    prepared = load_use_case("python_assistant").data_preparation.model_dump(mode="json")
    wiki = {"name": "wiki", "location": "s3:wiki/", "license": "MIT", "encoding": "cp1252"}
    known = {"anonymize": prepared["anonymize"], "check": prepared["check"], "collections": [wiki]}
    ref = charter(store, config=declared(), **known)
    terms = json.loads(store.read(ref, "charter.json"))["data_terms"]
    assert terms["anonymize"]["policy"]["PERSON"] == "pseudonym" and "tickets" in terms["anonymize"]["sources"]
    assert terms["check"]["max_leaked_numbers"] == 0
    assert terms["collections"] == [{"name": "wiki", "location": "s3:wiki/", "license": "MIT"}]
    page = store.read(ref, "report.html").decode()
    for words in ("What the data is held to", "gate: max leaked numbers", "personal data: pseudonym", "s3:wiki/"):
        assert words in page

    faster = known | {"anonymize": prepared["anonymize"] | {"batch": 64}}
    assert charter(store, config=declared(), **faster).digest == ref.digest, "speed is not what is approved"
    for change in ({"columns": {"text": "diagnosis"}}, {"configuration": "medical"}, {"connection": "clinic"}):
        other = charter(store, config=declared(), **known | {"collections": [wiki | change]})
        assert other.digest != ref.digest, change
    assert (
        "columns text=diagnosis"
        in store.read(
            charter(store, config=declared(), **known | {"collections": [wiki | {"columns": {"text": "diagnosis"}}]}),
            "report.html",
        ).decode()
    )
