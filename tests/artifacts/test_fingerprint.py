"""What a fingerprint covers and what it does not."""

import ast
import importlib.metadata
import json
import random
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from include.artifacts import fingerprint
from include.artifacts.arguments import argument_parts
from include.artifacts.manifest import FingerprintParts, canonical_json
from include.artifacts.step import Workspace, step
from include.core.settings import PROJECT_ROOT
from include.use_cases import load_use_case

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def parts(**changes: dict[str, object]) -> FingerprintParts:
    return FingerprintParts.model_validate({"code": {}, "libraries": {}, "config": {}, "inputs": {}} | changes)


@given(st.dictionaries(st.text(), values, max_size=5))
def test_the_order_of_keys_does_not_count(config: dict[str, object]) -> None:
    turned = dict(reversed(list(config.items())))
    assert parts(config=config).digest("s") == parts(config=turned).digest("s")


def exactly(value: Any) -> str:
    """Equal for values that no program can tell apart by more than the order of keys, or a list from a tuple."""
    if isinstance(value, dict):
        return f"{{{sorted((key, exactly(inner)) for key, inner in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{[exactly(inner) for inner in value]}]"
    return f"{type(value).__name__} {value!r}"


alike = st.sampled_from(
    [0, 0.0, -0.0, False, None, "", "0", [], {}, [0], [0.0], {"": 0}, 1, 1.0, True, "1", [[1]], 2**60]
)


@given(values | alike, values | alike)
def test_different_values_always_differ(one: Any, other: Any) -> None:
    same = parts(config={"x": one}).digest("s") == parts(config={"x": other}).digest("s")
    assert same == (exactly(one) == exactly(other))


@given(st.lists(values, max_size=4))
def test_a_tuple_is_a_list(items: list[Any]) -> None:
    assert canonical_json(items) == canonical_json(tuple(items))


@pytest.mark.parametrize("value", [{1: "a"}, [{None: 1}], {True: 1}, {"a": {2.5: 1}}])
def test_keys_that_json_would_blur_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="a key is"):
        canonical_json(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x", Path("x"), object()])
def test_values_without_one_notation_are_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        canonical_json({"x": value})


@given(st.sampled_from(["code", "libraries", "config", "inputs"]), st.text(min_size=1), st.text(), st.text())
def test_every_part_counts(part: str, name: str, one: str, other: str) -> None:
    first, second = parts(**{part: {name: one}}), parts(**{part: {name: other}})
    assert (first.digest("s") == second.digest("s")) == (one == other)
    assert first.digest("s") != first.digest("another step")


def test_a_difference_is_named_by_its_path_in_the_use_case() -> None:
    old = parts(config={"config": {"rank": 8, "deep": {"a": 1}}, "shard": 1}, libraries={"peft": "1"})
    new = parts(
        config={"config": {"rank": 16, "deep": {"a": 2}}, "shard": 1}, libraries={"peft": "2"}, inputs={"model": "x"}
    )
    assert fingerprint.explain(old, new, "customization.lora") == [
        "customization.lora.deep.a 1 -> 2",
        "customization.lora.rank 8 -> 16",
        "input model changed",
        "library peft 1 -> 2",
    ]


def config_parts(value: Any) -> dict[str, Any]:
    # no argument is an artifact, so that the store is not asked
    return argument_parts(None, {"config": value}, (), ())[0]  # type: ignore[arg-type]


KNOBS: dict[str, tuple[Any, ...]] = {
    # equal values as people write them, then different ones
    "customization.lora.rank": (8, 8.0, "8"),
    "customization.lora.learning_rate": (1, 1.0, "1"),
    "training.pretrain.steps": (20, 20.0, "20"),
}
SAMPLE = yaml.safe_load((PROJECT_ROOT / "include" / "use_cases" / "python_assistant.yaml").read_text())


def written(content: dict[str, Any], seed: int, *, quoted: bool, flow: bool) -> str:
    """YAML of a use case: keys in some order, with comments, in block or flow style, quoted or plain."""
    draw = random.Random(seed)

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shuffled(value[key]) for key in draw.sample(list(value), len(value))}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    style = '"' if quoted else None
    text = yaml.dump(shuffled(content), sort_keys=False, default_flow_style=flow, default_style=style, width=60 + seed)
    return f"# written by {seed}\n{text}\n# the end\n"


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 99), st.booleans(), st.booleans(), st.tuples(*(st.sampled_from(equal) for equal in KNOBS.values()))
)
def test_how_a_use_case_is_written_does_not_count(
    tmp_path: Path, seed: int, quoted: bool, flow: bool, equal: tuple[Any, ...]
) -> None:
    plain = {name: values[0] for name, values in KNOBS.items()}
    (tmp_path / "sample.yaml").write_text(yaml.safe_dump(SAMPLE))
    first = load_use_case("sample", plain, tmp_path)
    (tmp_path / "sample.yaml").write_text(written(SAMPLE, seed, quoted=quoted, flow=flow))
    second = load_use_case("sample", dict(zip(KNOBS, equal, strict=True)), tmp_path)
    for path in ("strategy", "data_preparation.aggregate", "training.pretrain", "customization.lora", "evaluation"):
        assert canonical_json(config_parts(first.at(path))) == canonical_json(config_parts(second.at(path))), path


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 256), st.integers(1, 256), st.floats(1e-6, 0.5), st.floats(1e-6, 0.5))
def test_every_knob_counts(rank: int, other_rank: int, rate: float, other_rate: float) -> None:
    from include.customization.config import LoraConfig

    one, other = (
        config_parts(LoraConfig.model_validate({"rank": r, "learning_rate": speed}))
        for r, speed in ((rank, rate), (other_rank, other_rate))
    )
    assert (canonical_json(one) == canonical_json(other)) == ((rank, rate) == (other_rank, other_rate))


class Base(BaseModel):
    model_config = ConfigDict(frozen=True)
    size: int = 1


class Extended(Base):
    more: int = 1


class Twin(Base):
    pass


class Holder(BaseModel):
    part: Base = Base()


def test_a_configuration_counts_by_its_type_and_by_all_it_holds() -> None:
    configs = [Base(), Twin(), Extended(), Extended(more=2), Holder(), Holder(part=Extended()), Holder(part=Twin())]
    configs.append(Holder(part=Extended(more=2)))
    for (a, one), (b, other) in product(enumerate(configs), repeat=2):
        assert (config_parts(one) == config_parts(other)) == (a == b), (one, other)


def test_a_step_that_no_fingerprint_covers_is_refused() -> None:
    limit = json.loads("3")

    def around(work: Workspace) -> None:
        work.metrics["limit"] = limit

    def taken(work: Workspace, observed: int) -> None: ...

    with pytest.raises(TypeError, match="from around it"):
        step("dataset")(around)
    with pytest.raises(TypeError, match="observed"):
        step("dataset")(taken)
    with pytest.raises(TypeError, match="no argument sources"):
        step("dataset", measures=("sources",))(taken_well)


def taken_well(work: Workspace, source: int) -> None: ...


def test_every_step_that_reads_metrics_declares_whose() -> None:
    trees = {path: ast.parse(path.read_text()) for path in sorted((PROJECT_ROOT / "include").rglob("*.py"))}
    reading = {path for path, tree in trees.items() if "work.manifest(" in ast.unparse(tree)}
    through = {module_name(path) for path in reading if not steps_of(trees[path])}
    reading |= {path for path, tree in trees.items() if through & imported(tree)}

    for path in reading:
        assert all("measures=" in one for one in steps_of(trees[path])), path
    assert {"gate", "halve", "check", "compare_sources", "select_model"} <= {path.stem for path in reading}


def steps_of(tree: ast.Module) -> list[str]:
    decorators = [one for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for one in node.decorator_list]
    return [text for text in map(ast.unparse, decorators) if text.startswith("step(")]


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT_ROOT).with_suffix("").parts)


def imported(tree: ast.Module) -> set[str]:
    return {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("package", ["yaml", "sklearn", "google", "airflow", "_pytest", "no_such_package"])
def test_the_distribution_of_a_package_is_the_one_that_python_tells(package: str) -> None:
    assert fingerprint._owners(package) == importlib.metadata.packages_distributions().get(package, [])
