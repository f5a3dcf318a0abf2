"""Turn a document into a question and a short answer."""

import re
import textwrap
from dataclasses import dataclass

from include.data_preparation.config import LabelQuestionConfig, SplitConfig
from include.data_preparation.config.labelling import OTHER
from include.data_preparation.config.sources import BY_ENDPOINT, BY_TEMPLATES, FEEDBACK, GENERATORS
from include.data_preparation.documents import Document, rank

_FUNCTION = (
    "What does `{name}` do in Python?",
    "What is `{name}` used for in Python?",
    "Explain `{name}` in Python.",
    "In Python, what does `{name}` do?",
)
_CLASS = (
    "What is `{name}` in Python?",
    "What is the class `{name}` for in Python?",
    "Explain `{name}` in Python.",
    "In Python, what is `{name}`?",
)
_TOPIC = (
    "Explain {name} in Python.",
    "What should I know about {name} in Python?",
    "What does the Python language reference say about {name}?",
)
_RECORD = (
    "What should I know about {name}?",
    "Explain {name}.",
    "What is there to say about {name}?",
)
_TICKET = (
    "Which kind of support request is this? {name}",
    "Sort this support ticket into a category: {name}",
)
_SIGNATURE = re.compile(r"^[\w.*]+\s*\(.*\)\s*(->.*)?$|::=|^\s*>>>|->", re.DOTALL)
_FIELDS = re.compile(
    r"(?m)^\s*(?::\w+|\.\. |@\w+|[-*] |\d+\. |(?:Args|Parameters|Returns?|Raises|Example|Usage)\b.*:$)"
)
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!etc\.)(?<!vs\.)\s+(?=[A-Z`\"'(])")
TICKET_WORDS = 40
LONGEST = 500  # characters


@dataclass(frozen=True)
class Question:
    """One row of train or heldout; `id` is the document's."""

    id: str
    question: str
    answer: str
    source: str
    label: str
    license: str
    generated: bool
    weight: int = 1
    telltale: str = ""
    """What of it training may not show where it is held out; empty: its answer, which no other question has."""


def question_of(document: Document, config: SplitConfig) -> Question | None:
    """The question that a document answers, or None where it has no title, no short answer, or too long a question.

    Of sources that `label_questions` names: the question for its label, None where it has none.
    """
    if asked := config.label_question(document.source):
        return _for_label(document, asked)
    if document.source in (BY_TEMPLATES, BY_ENDPOINT, FEEDBACK):
        return _written(document, config)
    answer = _ticket_answer(document) if document.source == "tickets" else first_sentences(document.text, config)
    if not answer:
        return None
    templates = _templates(document)
    template = templates[int(rank(config.seed, document.id)[:8], 16) % len(templates)]
    name = " ".join(document.text.split()[:TICKET_WORDS]) if document.source == "tickets" else document.title
    return _question(document, template.format(name=name), answer)


def _written(document: Document, config: SplitConfig) -> Question | None:
    """A document that was written as a question (its title) and an answer; a long answer's first sentences."""
    whole = " ".join(document.text.split())
    fits = config.min_answer_words <= len(whole.split()) <= config.max_answer_words
    answer = whole if fits else first_sentences(document.text, config)
    return _question(document, document.title, answer) if answer else None


def _for_label(document: Document, asked: LabelQuestionConfig) -> Question | None:
    """Which label a document has; many have the same, so that its text is what tells it from others."""
    if document.label in ("", OTHER):
        return None
    before = asked.question.replace("{title}", document.title)
    room = LONGEST - len(before.replace("{text}", ""))
    text = textwrap.shorten(document.text, max(room, 1), placeholder="")
    if not text:
        return None
    return _row(document, before.replace("{text}", text), asked.answer.replace("{label}", document.label), text)


def _question(document: Document, question: str, answer: str) -> Question | None:
    return _row(document, question, answer) if document.title and len(question) <= LONGEST else None


def _row(document: Document, question: str, answer: str, telltale: str = "") -> Question:
    return Question(
        id=document.id,
        question=question,
        answer=answer,
        source=document.source,
        label=document.label,
        license=document.license,
        generated=document.generated or document.source in GENERATORS,
        weight=document.weight,
        telltale=telltale,
    )


def first_sentences(text: str, config: SplitConfig) -> str:
    """One to three sentences of the first paragraph that is prose; empty where there is none of a fit length."""
    for paragraph in re.split(r"\n\s*\n", text)[:3]:
        # code, and headings of Markdown, answer nothing
        if _SIGNATURE.search(paragraph) or paragraph.startswith((" ", "\t", "#")):
            continue
        fields = _FIELDS.search(paragraph)
        prose = " ".join((paragraph[: fields.start()] if fields else paragraph).split())
        chosen = ""
        for sentence in _SENTENCE_END.split(prose)[:3]:
            longer = f"{chosen} {sentence}".strip()
            if len(longer.split()) > config.max_answer_words or sentence.endswith(":"):
                break
            chosen = longer
        if len(chosen.split()) >= config.min_answer_words:
            return chosen if chosen.endswith((".", "!", "?")) else f"{chosen.rstrip(',;')}."
    return ""


def _templates(document: Document) -> tuple[str, ...]:
    if document.source == "tickets":
        return _TICKET
    if document.source == "pydoc_topics":
        return _TOPIC
    if document.source == "docstrings":
        return _CLASS if document.title.rpartition(".")[2][:1].isupper() else _FUNCTION
    return ("{name}",) if document.title.endswith("?") else _RECORD


def _ticket_answer(document: Document) -> str:
    if document.label in ("", OTHER):
        return ""
    product = document.title.rpartition(": ")[2]
    return f"This is a request of the category {document.label} about the {product}."
