"""What README, AGENTS and the pages of docs/ say: commands that parse, files and links that are there."""

import argparse
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.cli.main import parser
from include.cli.reference.__main__ import differing, pages
from include.core.settings import PROJECT_ROOT, Settings
from tests.tutorial.page import PAGE as TUTORIAL
from tests.tutorial.page import WrittenFile, read_page

DOCS = PROJECT_ROOT / "docs"
REFERENCE = sorted((DOCS / "reference").glob("*.md"))
DECISIONS = sorted((DOCS / "adr").glob("*.md"))
PAGES = [PROJECT_ROOT / "README.md", PROJECT_ROOT / "AGENTS.md", *sorted(set(DOCS.rglob("*.md")) - set(REFERENCE))]
TOLD = sorted({*PAGES, *REFERENCE, *(PROJECT_ROOT / "include" / "use_cases").rglob("*.md")})
# keys of the object store, and addresses of a server
ELSEWHERE = ("/", "serving/", "feedback/", "aliases/", "jobs/", "progress/", "inferencing/repository")
# what `genai manifests` writes
MADE = re.compile(r"\d\d-[\w-]+\.yaml|airflow-values\.yaml")
ROOT_FILE = re.compile(r"[\w-]+\.(md|yaml|toml)|Dockerfile|Makefile|LICENSE")
FENCED = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# a tree of folders, which nobody types
TREE = re.compile(r"^ *\w[\w/ ]*/  ")
# a variable that is set for one command
SET = re.compile(r"^[A-Z_]+=")


def name_of(page: Path) -> str:
    """A page by its path in the project."""
    return page.relative_to(PROJECT_ROOT).as_posix()


def spans_of(page: Path) -> list[str]:
    """Code inside sentences and tables."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL))


def blocks_of(page: Path) -> list[str]:
    """Lines of blocks that a reader types; the lists of decisions are indented, and are none."""
    text = page.read_text()
    fenced = "".join(FENCED.findall(text))
    rest = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    indented = "" if page in DECISIONS else "\n".join(re.findall(r"^    (.+)$", rest, re.MULTILINE))
    lines = f"{fenced}{indented}".replace("\\\n", " ").splitlines()
    return [line for line in lines if not TREE.match(line)]


def commands_of(line: str) -> Iterator[list[str]]:
    """The words of each command of a line, without variables that are set for it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set(";|&<>()"):
            if words:
                yield words
            words = []
        elif words or not SET.match(word):
            words.append(word)


def typed(tool: str) -> list[tuple[str, list[str]]]:
    """Page and arguments of every command of a tool in a block."""
    return [
        (name_of(page), words[1:])
        for page in PAGES
        for line in blocks_of(page)
        for words in commands_of(line)
        if Path(words[0]).name == tool
    ]


def named_paths(page: Path) -> set[str]:
    """Paths in the repository that a page names; what a run creates, placeholders, keys and addresses are none."""
    spans = [span for span in spans_of(page) if re.fullmatch(r"[\w./-]+", span)]
    inside = [span for span in spans if "/" in span or ROOT_FILE.fullmatch(span)]
    return {path for path in inside if not path.startswith((".genai", *ELSEWHERE)) and not MADE.fullmatch(path)}


def anchors_of(page: Path) -> set[str]:
    """What links to a page may name: its anchors, and its headings as GitHub calls them."""
    text = page.read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT_ROOT / "Makefile").read_text(), re.MULTILINE))
    spans = [match[1] for page in TOLD for span in spans_of(page) if (match := re.match(r"make ([a-z-]+)", span))]
    named = {*spans, *(words[0] for _, words in typed("make"))}
    assert {"run", "test", "stop", "status", "check", "bench", "help"} <= targets
    assert {"run", "test", "stop"} <= named <= targets


def test_every_command_of_genai_in_a_block_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = []
    found = typed("genai")
    for page, words in found:
        try:
            parser().parse_args(words)
        except SystemExit:
            wrong.append(f"{page}: genai {' '.join(words)}: {capsys.readouterr().err.splitlines()[-1]}")
    assert len(found) > 20
    assert wrong == []


def test_every_command_and_option_of_genai_in_a_sentence_is_one() -> None:
    known = dict(_commands(parser(), ""))
    wrong = []
    for page in PAGES:
        for span in spans_of(page):
            if match := re.match(r"genai ([a-z]+)", span):
                asked = known.get(match[1], set())
                options = set(re.findall(r"(?<![\w-])--[a-z-]+", span)) if match[1] != "airflow" else set()
                if not asked or options - asked:
                    wrong.append(f"{name_of(page)}: {span}")
    assert wrong == []


def _commands(top: argparse.ArgumentParser, above: str) -> Iterator[tuple[str, set[str]]]:
    """Each command with its options and those of the commands below it."""
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                below = set().union(*(options for _, options in _commands(sub, name)), set())
                yield name, {"--help"} | below | {option for one in sub._actions for option in one.option_strings}


def test_every_module_that_is_run_exists() -> None:
    lines = [line for page in TOLD for line in [*blocks_of(page), *spans_of(page)]]
    modules = {match for line in lines for match in re.findall(r"python[\d.]* -m ([\w.]+)", line)}
    assert {"include.cli.reference", "tests.tutorial"} <= modules
    assert {module for module in modules if importlib.util.find_spec(module) is None} == set()


@pytest.mark.parametrize("page", TOLD, ids=name_of)
def test_every_path_that_is_named_exists(page: Path) -> None:
    written = [step.path for step in read_page(TUTORIAL.read_text()) if isinstance(step, WrittenFile)]
    missing = {path for path in named_paths(page) if not (PROJECT_ROOT / path).exists()}
    assert missing - set(written) == set()


@pytest.mark.parametrize("page", TOLD, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        to = (page.parent / path).resolve() if path else page
        if not to.exists() or (anchor and anchor not in anchors_of(to)):
            wrong.append(target)
    assert wrong == []


def test_every_page_can_be_found_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [PROJECT_ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
        waiting += [to for link in links if (to := (page.parent / link).resolve()).is_file()]
    missing = {name_of(page) for page in set(DOCS.rglob("*.md")) - seen - set(DECISIONS)}
    assert missing <= {"docs/README.md", "docs/tutorial/README.md"}


def test_the_reference_is_what_the_code_says() -> None:
    assert differing() == [], "run python -m include.cli.reference"
    found = pages()
    for name in Settings.model_fields:
        assert f"`GENAI_{name.upper()}`" in found["settings.md"]
    for told in ('<a id="customization.lora">', "Rank of the update.", "**required**"):
        assert told in found["use-case.md"]


def test_the_readme_is_one_screen() -> None:
    assert len((PROJECT_ROOT / "README.md").read_text().splitlines()) <= 50


def test_every_decision_says_what_would_break_it() -> None:
    numbers = [page.name[:4] for page in DECISIONS]
    assert sorted(set(numbers)) == numbers
    for page in DECISIONS:
        last = page.read_text().strip().split("\n\n")[-1]
        assert last.startswith("A change breaks this when"), page.name
