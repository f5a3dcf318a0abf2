"""Use cases: the sample is right, and each kind of mistake is named where it was made."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from include.core.errors import ConfigurationError
from include.core.settings import PROJECT_ROOT
from include.strategy.config import Limits
from include.use_cases import UseCase, load_use_case, use_case_names

SAMPLE = (PROJECT_ROOT / "include" / "use_cases" / "python_assistant.yaml").read_text()


def wrong(folder: Path, text: str, overrides: dict[str, Any] | None = None) -> ConfigurationError:
    (folder / "mine.yaml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_use_case("mine", overrides, folder)
    return caught.value


def test_every_use_case_of_the_project_is_valid() -> None:
    assert "python_assistant" in use_case_names()
    for name in use_case_names():
        assert load_use_case(name).name == name


def test_the_sample_declares_what_its_sources_need() -> None:
    sample = load_use_case("python_assistant")
    assert {"Apache-2.0", "MIT", "BSD-3-Clause", "PSF-2.0"} <= set(sample.strategy.limits.licences)
    assert sample.strategy.approval.required is False
    assert any(indicator.required for indicator in sample.strategy.indicators)


def test_a_use_case_cannot_be_changed_after_loading() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_use_case("python_assistant").title = "another"  # type: ignore[misc]


def test_overrides_replace_values_at_dotted_paths() -> None:
    sample = load_use_case("python_assistant")
    changed = load_use_case("python_assistant", {"strategy.limits.budget": 7, "schedule": None})
    assert changed.strategy.limits.budget == 7
    assert changed.schedule is None
    assert changed.strategy.limits.licences == sample.strategy.limits.licences
    assert load_use_case("python_assistant") == sample


def test_overrides_make_sections_that_the_file_leaves_out() -> None:
    assert load_use_case("python_assistant", {"strategy.serving.replica_memory_gb": 9}).at(
        "strategy.serving.replica_memory_gb"
    ) == pytest.approx(9)


def test_at_gives_the_configuration_object_of_a_path() -> None:
    sample = load_use_case("python_assistant")
    assert isinstance(sample.at("strategy.limits"), Limits)
    assert sample.at("strategy") is sample.strategy
    with pytest.raises(ConfigurationError, match=r"strategy\.limit = .*Did you mean limits\?"):
        sample.at("strategy.limit.budget")
    with pytest.raises(ConfigurationError, match="no such field"):
        sample.at("title.length")


def test_an_unknown_use_case_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"python_asistant.*Did you mean python_assistant\?"):
        load_use_case("python_asistant")
    with pytest.raises(ConfigurationError, match="python_assistant"):
        load_use_case("../../etc/passwd")


@pytest.mark.parametrize(
    ("before", "after", "field", "words"),
    [
        ("    budget: 100", "    budgt: 100", "strategy.limits.budgt", "Did you mean budget?"),
        ("\nstrategy:", "\nstrategie:", "strategie", "Did you mean strategy?"),
        ("    budget: 100", "    budget: -5", "strategy.limits.budget", "greater than or equal to 0"),
        ("    budget: 100", "    budget: lots", "strategy.limits.budget", "valid number"),
        ("      target: 1.6", "      target: low", "strategy.indicators.0.target", "valid number"),
        (
            "direction: at_least",
            "direction: at_most",
            "strategy.indicators.1.direction",
            "= 'at_most': a higher answer",
        ),
        ("name: answer_chrf", "name: answer_quality", "strategy.indicators.1.name", "answer_bits_per_char"),
        ("answer_chrf]", "answer_nll]", "strategy.objectives", "which strategy.indicators does not declare"),
        ("      indicators: [seconds_per_answer]\n", "", "strategy.objectives.1.indicators", "Names among strategy"),
        ("indicators: [seconds_per_answer]", "indicators: []", "strategy.objectives.1.indicators", "one at least"),
        (
            "  objectives:\n",
            "  objectives:\n    - Be liked.\n",
            "strategy.objectives.0",
            "'Be liked.': nothing measures",
        ),
        ("      target: 1.6\n", "", "strategy.indicators.0.target", "it is required"),
        ("      target: 1.6", "      targt: 1.6\n      target: 1.6", "strategy.indicators.0.targt", "mean target?"),
        ('schedule: "0 3 * * *"', 'schedule: "every monday"', "schedule", "cron"),
        ('schedule: "0 3 * * *"', 'schedule: "0 3 * * 1 2 5 9"', "schedule", "cron"),
        ('schedule: "0 3 * * *"', 'schedule: "0 3 * * 1 30"', "schedule", "five fields"),
        ('schedule: "0 3 * * *"', 'schedule: "0 3 * * 1 30 2027"', "schedule", "five fields"),
        ("packages: [httpx,", 'packages: ["",', "data_preparation.aggregate.packages.0", "should match pattern"),
        ("    tickets: 800", "    tickets: 49", "data_preparation.aggregate.tickets", "at least 50"),
        ("    - name: tickets", "    - name: ticket", "strategy.data_sources.2.name", "Did you mean tickets?"),
        (
            "    - name: tickets",
            "    - name: emails",
            "strategy.data_sources.2.name",
            "Known: docstrings, endpoint, feedback, pydoc_topics",
        ),
        ("    steps: 100", "    learning_rate: .inf", "training.pretrain.learning_rate", "finite number"),
        ("    rank: 16", "    clip: .inf", "customization.lora.clip", "finite number"),
        ("    weight_format: int8", "    export_seconds: .inf", "inferencing.package.export_seconds", "finite number"),
        ("    budget: 100", "    budget: .nan", "strategy.limits.budget", "finite number"),
        ("title: An", "name: mine\ntitle: An", "name", "the file's name is the name"),
    ],
)
def test_a_mistake_is_named_by_file_and_field(tmp_path: Path, before: str, after: str, field: str, words: str) -> None:
    assert before in SAMPLE
    error = wrong(tmp_path, SAMPLE.replace(before, after, 1))
    assert error.field == f"mine.yaml: {field}"
    assert words in str(error)


def test_several_mistakes_are_counted(tmp_path: Path) -> None:
    assert "1 more wrong" in str(wrong(tmp_path, SAMPLE.replace("budget: 100", "budget: -1\n    more: 1")))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("strategy.limits.budget", -1, "parameter strategy.limits.budget = -1"),
        ("strategy.limits.budgt", 1, "Did you mean budget?"),
        ("strategy.limit.budget", 1, "parameter strategy.limit"),
        ("strategy.goal.length", 1, "strategy.goal is a value, not a section"),
        ("strategy..budget", 1, "not a dotted path"),
    ],
)
def test_a_wrong_override_is_named_as_a_parameter(path: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_use_case("python_assistant", {path: value})
    assert caught.value.field.startswith("parameter")
    assert words in str(caught.value)


def test_broken_yaml_is_named_by_line(tmp_path: Path) -> None:
    error = wrong(tmp_path, "title: fine\nstrategy: [1, 2\nschedule: null\n")
    assert error.field.startswith("mine.yaml: line 3")
    assert "schedule: null" in str(error)


def test_a_tab_is_named_by_line(tmp_path: Path) -> None:
    assert wrong(tmp_path, "title: fine\nstrategy:\n\tgoal: x\n").field.startswith("mine.yaml: line 3")


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    error = wrong(tmp_path, SAMPLE.replace("    budget: 100", "    budget: 100\n    budget: 200"))
    assert error.field == "mine.yaml: strategy.limits.budget"
    assert "already given in line" in str(error)


@pytest.mark.parametrize("text", ["", "just words", "- a\n- list\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert "mapping" in str(wrong(tmp_path, text))


def test_yaml_tags_are_not_executed(tmp_path: Path) -> None:
    assert "not YAML" in str(wrong(tmp_path, "title: !!python/object/apply:os.getcwd []\n"))


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes("title: caf\xe9\n".encode("latin-1"))
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load_use_case("mine", None, tmp_path)


def test_presets_and_no_schedule_are_schedules() -> None:
    assert load_use_case("python_assistant", {"schedule": "@weekly"}).schedule == "@weekly"
    assert load_use_case("python_assistant", {"schedule": None}).schedule is None


def undescribed(model: type[BaseModel], path: str) -> list[str]:
    """Knobs without a description; a section's own docstring describes it."""
    found = []
    for name, field in model.model_fields.items():
        where = f"{path}.{name}".lstrip(".")
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += undescribed(field.annotation, where)
        elif not field.description:
            found.append(where)
    return found


def test_every_knob_is_described() -> None:
    assert undescribed(UseCase, "") == []


def test_mistakes_in_the_sections_of_other_packages_are_named_alike() -> None:
    with pytest.raises(ConfigurationError, match=r"parameter customization\.lora\.rnk = 8: unknown key.*mean rank\?"):
        load_use_case("python_assistant", {"customization.lora.rnk": 8})
    with pytest.raises(ConfigurationError, match=r"parameter customization\.lora\.rank = 0: .*greater than or equal"):
        load_use_case("python_assistant", {"customization.lora.rank": 0})
    with pytest.raises(ConfigurationError, match=r"customization\.techniques = .*'doora' is neither.* dora, "):
        load_use_case("python_assistant", {"customization.techniques": ["lora", "doora"]})


def test_a_variant_is_a_technique_with_settings_of_its_own() -> None:
    variant = {"technique": "lora", "rank": 4}
    overrides = {"customization.variants.narrow": variant, "customization.techniques": ["lora", "narrow"]}

    found = load_use_case("python_assistant", overrides)

    assert [found.at(found.customization.path(name)).rank for name in found.customization.techniques] == [16, 4]
    assert (
        load_use_case("python_assistant", overrides | {"customization.variants.narrow.rank": 2}).at(
            "customization.variants.narrow.rank"
        )
        == 2
    )
    with pytest.raises(
        ConfigurationError, match=r"customization\.variants\.wide = .*: the use case has no such.*narrow"
    ):
        found.at("customization.variants.wide")
    for wrong, said in (
        ({"rnk": 8}, r"customization\.variants\.narrow\.rnk = 8: unknown key.*mean rank\?"),
        ({"rank": 0}, r"customization\.variants\.narrow\.rank = 0: .*greater than.*What it is: Rank"),
        ({"technique": "magic"}, r"customization\.variants\.narrow = .*'lora', 'dora'"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            load_use_case("python_assistant", {"customization.variants": {"narrow": variant | wrong}})
    with pytest.raises(ConfigurationError, match="'lora' is no name of a variant's own"):
        load_use_case("python_assistant", {"customization.variants": {"lora": variant}})


def test_a_rollout_asks_for_no_more_tokens_than_the_package_gives() -> None:
    overrides = {"inferencing.package.max_new_tokens": 16}
    with pytest.raises(ConfigurationError, match=r"deploy.max_tokens 32 exceeds package.max_new_tokens 16"):
        load_use_case("python_assistant", overrides)
    assert load_use_case("python_assistant", overrides | {"inferencing.deploy.max_tokens": 16})
