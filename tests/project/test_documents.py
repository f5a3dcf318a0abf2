"""What README, AGENTS and the pages of docs/ name and link to is there; the reference is what the code says."""

import re
from pathlib import Path

import pytest

from include.cli.reference.__main__ import differing, pages
from include.core.settings import PROJECT_ROOT, Settings
from tests.project.pages import DECISIONS, DOCS, MADE, TOLD, name_of, spans_of
from tests.tutorial.page import PAGE as TUTORIAL
from tests.tutorial.page import WrittenFile, read_page

# keys of the object store, and addresses of a server
ELSEWHERE = ("/", "serving/", "feedback/", "aliases/", "jobs/", "progress/", "inferencing/repository")
ROOT_FILE = re.compile(r"[\w-]+\.(md|yaml|toml)|Dockerfile|Makefile|LICENSE")


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
    http = found["http-api.md"]
    for told in (
        "`store`: whether",
        "| Invalid 'WHERE.role': one of ROLES. |",
        "| `correction` |",
        "`answer_forgotten` |",
    ):
        assert told in http
    assert "`store`" not in http.partition("Without effect")[2].partition("\n")[0]
    assert "...'" not in http


def test_the_readme_is_one_screen() -> None:
    assert len((PROJECT_ROOT / "README.md").read_text().splitlines()) <= 50


def test_every_decision_says_what_would_break_it() -> None:
    numbers = [page.name[:4] for page in DECISIONS]
    assert sorted(set(numbers)) == numbers
    for page in DECISIONS:
        last = page.read_text().strip().split("\n\n")[-1]
        assert last.startswith("A change breaks this when"), page.name
