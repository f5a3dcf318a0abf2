"""What a reader of the pages types or writes is taken: commands, options, knobs, settings, sections of a use case."""

import argparse
import contextlib
import importlib.util
import io
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.cli.main import parser
from include.cli.run import parse_overrides
from include.core.errors import ConfigurationError
from include.core.settings import PROJECT_ROOT, Settings
from include.data_preparation.config import AggregateConfig
from include.inferencing.gateway.question import read_question
from include.inferencing.learning.feedback import read_request
from include.use_cases import UseCase, load_use_case, use_case_names
from tests.platform.cluster_files import found as cluster_files
from tests.project.pages import DOCS, MADE, TOLD, blocks_of, fenced, name_of, spans_of, typed
from tests.tutorial.page import PAGE as TUTORIAL
from tests.tutorial.page import WrittenFile, read_page

SAMPLE = "python_assistant"
HOW_TO = sorted((DOCS / "how-to").glob("*.md"))
# what a sentence may leave out, and what stands for a value in it
SHORT = re.compile(r"required: |expected (one|at least one) argument$|: '?[A-Z_]+'?($| \(choose from | is no )")


@pytest.fixture(scope="module")
def use_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's use cases, and the one that the tutorial writes."""
    folder = tmp_path_factory.mktemp("use_cases")
    for name in use_case_names():
        (folder / f"{name}.yaml").symlink_to(PROJECT_ROOT / "include" / "use_cases" / f"{name}.yaml")
    for step in read_page(TUTORIAL.read_text()):
        if isinstance(step, WrittenFile):
            (folder / Path(step.path).name).write_text(step.text)
    return folder


@cache
def grammar(*, whole: bool) -> argparse.ArgumentParser:
    """`genai`'s; of a command that is not whole nothing is required."""
    top = parser()
    waiting = [] if whole else [top]
    for one in waiting:
        for action in one._actions:
            action.required = False
            if isinstance(action, argparse._SubParsersAction):
                waiting += action.choices.values()
    return top


def parsed(words: list[str], *, whole: bool) -> tuple[argparse.Namespace, str]:
    """What `genai` takes of the words, and what it says against them."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            return grammar(whole=whole).parse_args(words), ""
    except SystemExit as ended:
        told = said.getvalue().strip().rpartition("\n")[2] if ended.code else ""
        return argparse.Namespace(), "" if not whole and SHORT.search(told) else told


def test_every_command_of_genai_is_one(use_cases: Path) -> None:
    wrong = []
    found = typed("genai")
    for page, words, whole in found:
        arguments, problem = parsed(words, whole=whole)
        asked = getattr(arguments, "use_case", None) or SAMPLE
        if not problem and not asked.isupper() and asked not in use_case_names(use_cases):
            problem = f"there is no use case {asked}"
        if problem:
            wrong.append(f"{name_of(page)}: genai {' '.join(words)}: {problem}")
    keys = {name_of(one.page) for one in found if one.words[:1] == ["keys"]}
    assert keys >= {"docs/growing.md", "docs/guide/running.md", "docs/how-to/containers.md"}
    assert wrong == []


def test_every_knob_that_is_set_is_one(use_cases: Path) -> None:
    """A page may set a wrong one that it shows the refusal of."""
    runs = [(page, parsed(words, whole=whole)[0]) for page, words, whole in typed("genai")]
    asked = [(page, run.use_case or SAMPLE, run.overrides) for page, run in runs if getattr(run, "overrides", [])]
    loose = re.compile(r"--set (\S+=\S+)$")
    asked += [(page, SAMPLE, [found[1]]) for page in TOLD for span in spans_of(page) if (found := loose.match(span))]
    assert len(asked) > 8
    for page, use_case, overrides in asked:
        try:
            load_use_case(use_case, parse_overrides(overrides), folder=use_cases)
        except ConfigurationError as error:
            assert str(error)[:60] in page.read_text(), f"{name_of(page)}: {error}"


@pytest.mark.parametrize("page", [page for page in HOW_TO if fenced(page, "yaml")], ids=name_of)
def test_every_section_of_a_use_case_is_taken_by_one(page: Path, tmp_path: Path) -> None:
    for block in fenced(page, "yaml"):
        content = yaml.safe_load((PROJECT_ROOT / "include" / "use_cases" / f"{SAMPLE}.yaml").read_text())
        put(content, yaml.safe_load(block))
        (tmp_path / "told.yaml").write_text(yaml.safe_dump(content))
        load_use_case("told", folder=tmp_path)


def put(content: dict[str, Any], told: dict[str, Any]) -> None:
    """Add sections to a use case: of the whole, or of what it reads, whose sensitivity is then declared."""
    if told.keys() <= UseCase.model_fields.keys():
        merge(content, told)
        return
    assert told.keys() <= AggregateConfig.model_fields.keys(), f"{sorted(told)} are no sections"
    merge(content, {"data_preparation": {"aggregate": told}})
    names = {"records"} & told.keys() | {one["name"] for one in told.get("collections", [])}
    declared = content["strategy"]["data_sources"]
    declared += [{**declared[0], "name": name} for name in names - {one["name"] for one in declared}]


def merge(content: dict[str, Any], told: dict[str, Any]) -> None:
    for name, value in told.items():
        if isinstance(value, dict) and name in content:
            merge(content[name], value)
        else:
            content[name] = [*content.get(name, []), *value] if isinstance(value, list) else value


def test_every_make_target_and_what_it_is_given_exists(use_cases: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT_ROOT / "Makefile").read_text(), re.MULTILINE))
    known = {
        "AREA": {path.parent.name for path in (PROJECT_ROOT / "benchmarks").glob("*/__main__.py")},
        "USE_CASE": set(use_case_names(use_cases)),
    }
    wrong = []
    found = [(page, words) for page, words, _ in typed("make") if words]
    for page, (target, *given) in found:
        pairs = [word.partition("=") for word in given if "=" in word]
        if target not in targets or not all(value in known.get(name, {value}) for name, _, value in pairs):
            wrong.append(f"{name_of(page)}: make {target} {' '.join(given)}")
    assert {"run", "test", "stop", "status", "check", "bench", "help", "install"} <= {words[0] for _, words in found}
    assert wrong == []


def test_every_setting_that_is_named_exists() -> None:
    known = {f"GENAI_{name.upper()}" for name in Settings.model_fields}
    wrong = []
    for page in [*TOLD, DOCS / "notebook.ipynb"]:
        for name, several in set(re.findall(r"\b(GENAI_\w+)(\*?)", page.read_text())):
            if name not in known and not (several and any(one.startswith(name) for one in known)):
                wrong.append(f"{name_of(page)}: {name}")
    assert wrong == []


def test_every_file_of_a_cluster_is_written_by_genai_manifests() -> None:
    made = {path for scaler in ("keda", "hpa") for path in cluster_files(scaler)}
    asked = {(page, word) for page, words, _ in typed("kubectl") for word in words if word.startswith("cluster/")}
    asked |= {(page, span) for page in TOLD for span in spans_of(page) if MADE.fullmatch(span)}
    assert len(asked) > 3
    last = {path.rpartition("/")[2] for path in made}
    assert {(name_of(page), path) for page, path in asked if path.removeprefix("cluster/") not in made | last} == set()


def test_every_request_to_the_gateway_is_one_that_it_reads() -> None:
    known = {"v1/chat/completions": lambda body: read_question(body, chat=True), "v1/feedback": read_request}
    sent = [words for _, words, _ in typed("curl") if "--data" in words]
    for words in sent:
        known[words[0].partition(":8090/")[2]](words[words.index("--data") + 1].encode())
    assert len(sent) > 1


def test_every_module_that_is_run_exists() -> None:
    lines = [line for page in TOLD for line in [*blocks_of(page), *spans_of(page)]]
    modules = {match for line in lines for match in re.findall(r"python[\d.]* -m ([\w.]+)", line)}
    assert {"include.cli.reference", "tests.tutorial"} <= modules
    assert {module for module in modules if importlib.util.find_spec(module) is None} == set()
