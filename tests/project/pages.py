"""README, AGENTS, the pages of docs/, and what a reader types of them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from include.core.settings import PROJECT_ROOT

DOCS = PROJECT_ROOT / "docs"
REFERENCE = sorted((DOCS / "reference").glob("*.md"))
DECISIONS = sorted((DOCS / "adr").glob("*.md"))
PAGES = [PROJECT_ROOT / "README.md", PROJECT_ROOT / "AGENTS.md", *sorted(set(DOCS.rglob("*.md")) - set(REFERENCE))]
TOLD = sorted({*PAGES, *REFERENCE, *(PROJECT_ROOT / "include" / "use_cases").rglob("*.md")})
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# a tree of folders, which nobody types
TREE = re.compile(r"^ *\w[\w/ ]*/  ")
# a variable that is set for one command
SET = re.compile(r"^[A-Z_]+=")
TYPED = re.compile(r"([A-Z_]+=\S+ )*(\S*/)?(genai|make|docker|kubectl|python[\d.]*)( |$)")
# what `genai manifests` writes
MADE = re.compile(r"\d\d-[\w-]+\.yaml|airflow-values\.yaml")
SERVICES = yaml.safe_load((PROJECT_ROOT / "docker-compose.yaml").read_text())["services"]


class Typed(NamedTuple):
    """A command of a page. In a sentence (not `whole`) it may lack what it needs, and have placeholders."""

    page: Path
    words: list[str]
    whole: bool


def name_of(page: Path) -> str:
    """A page by its path in the project."""
    return page.relative_to(PROJECT_ROOT).as_posix()


def _unfenced(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def spans_of(page: Path) -> list[str]:
    """Code inside sentences and tables."""
    return re.findall(r"`([^`\n]+)`", _unfenced(page))


def fenced(page: Path, language: str) -> list[str]:
    """Blocks of a language."""
    return [text for kind, text in FENCED.findall(page.read_text()) if kind == language]


def blocks_of(page: Path) -> list[str]:
    """Lines of blocks that a reader types; the lists of decisions are indented, and are none."""
    indented = "" if page in DECISIONS else "\n".join(re.findall(r"^    (.+)$", _unfenced(page), re.MULTILINE))
    lines = f"{''.join(fenced(page, 'bash'))}{indented}".replace("\\\n", " ").splitlines()
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


def inner(words: list[str]) -> list[str]:
    """The command that one starts in a container or a pod, itself where it starts none."""
    if words[0] in ("kubectl", "tini") and "--" in words:
        return inner(words[words.index("--") + 1 :])
    if words[:3] == ["docker", "compose", "run"]:
        service, *rest = [word for number, word in enumerate(words) if number > 2 and word != "--rm"]
        assert service in SERVICES, f"docker compose run {service}: docker-compose.yaml has no such service"
        return inner([*SERVICES[service].get("entrypoint", []), *rest])
    if words[1:3] == ["-m", "include.cli.main"]:
        return ["genai", *words[3:]]
    return words


def typed(tool: str) -> list[Typed]:
    """Every command of a tool, in blocks and in sentences, in containers and pods too."""
    found = []
    for page in TOLD:
        lines = [(line, True) for line in blocks_of(page)]
        lines += [(re.sub(r"[\[\]]", "", span), False) for span in spans_of(page) if TYPED.match(span)]
        found += [Typed(page, inner(words), whole) for line, whole in lines for words in commands_of(line)]
    return [Typed(one.page, one.words[1:], one.whole) for one in found if Path(one.words[0]).name == tool]
