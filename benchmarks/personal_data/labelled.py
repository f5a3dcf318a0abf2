"""presidio-evaluator's labelled sentences, its templates and values divided into one part to learn from and another."""

import contextlib
import importlib
import io
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.privacy.recognition.sentences import Labelled

_RENAMED = {"GPE": "LOCATION", "DOMAIN_NAME": "URL", "ZIP_CODE": "STREET_ADDRESS"}
# slots of one kind, which may stand for one another while learning
_ALIKE = (
    ("country", "city"),
    ("person", "name", "first_name", "last_name", "name_male", "name_female"),
    ("date_time", "date_of_birth", "year"),
    ("nationality", "nation_woman"),
)
OTHERS = ("helpdesk.txt", "letters.txt")


@dataclass(frozen=True)
class Part:
    """Templates, and the people and organizations that fill them."""

    templates: list[str]
    people: Any
    organizations: Any


def use_blank_tokenizer() -> None:
    """presidio-evaluator cuts texts with a pipeline from a hub; spaCy's English tokenizer is the same without it."""
    import spacy

    importlib.import_module("presidio_evaluator.span_to_tag").loaded_spacy["en_core_web_sm"] = spacy.blank("en")


def everything() -> Part:
    """All templates, people and organizations of presidio-evaluator."""
    import pandas as pd
    from presidio_evaluator.data_generator import raw_data_dir
    from presidio_evaluator.data_generator.faker_extensions.datasets import load_fake_person_df

    random.seed(0)  # what it makes of the people's table is drawn
    return Part(
        [line.strip() for line in (raw_data_dir / "templates.txt").read_text().splitlines()],
        load_fake_person_df(),
        pd.read_csv(raw_data_dir / "companies_and_organizations.csv", delimiter="\t"),
    )


def parts(split: int, splits: int, seed: int) -> tuple[Part, Part]:
    """What is learnt from and what is measured on: split `split` of `splits`, or another half where `splits` is 2."""
    whole = everything()
    order = list(range(len(whole.templates)))
    random.Random(f"{seed}:{split}" if splits == 2 else str(seed)).shuffle(order)  # noqa: S311
    measured = set(order[: len(order) // 2] if splits == 2 else order[split::splits])
    draw = random.Random(seed * 100 + split)  # noqa: S311
    halves = [[draw.random() < 0.5 for _ in range(len(table))] for table in (whole.people, whole.organizations)]
    made = []
    for learning in (True, False):
        people, organizations = ([one == learning for one in half] for half in halves)
        made.append(
            Part(
                [text for place, text in enumerate(whole.templates) if (place in measured) != learning],
                whole.people[people],
                whole.organizations[organizations],
            )
        )
    return made[0], made[1]


def others(part: Part, name: str) -> Part:
    """Templates of another author and occasion, filled with the values of `part`."""
    text = Path(__file__).with_name(name).read_text("utf-8")
    return Part([line.replace("\\n", "\n") for line in text.splitlines()], part.people, part.organizations)


def sentences(part: Part, count: int, seed: int) -> list[Any]:
    """`count` samples of presidio-evaluator with their spans."""
    from presidio_evaluator.data_generator import PresidioSentenceFaker
    from presidio_evaluator.data_generator import faker_extensions as given

    class Organizations(given.OrganizationProvider):  # type: ignore[misc]
        def load_organizations(self) -> Any:
            return part.organizations

    # the provider of hospitals asks the network, and no template has one
    providers = [
        given.IpAddressProvider,
        given.NationalityProvider,
        Organizations,
        given.UsDriverLicenseProvider,
        given.AgeProvider,
        given.AddressProviderNew,
        given.PhoneNumberProviderNew,
        given.ReligionProvider,
    ]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        faker = PresidioSentenceFaker(
            "en_US",
            lower_case_ratio=0.05,
            sentence_templates=part.templates,
            entity_providers=providers,
            base_records=part.people,
            random_seed=seed,
        )
        return list(faker.generate_new_fake_sentences(count))


def to_learn(part: Part, count: int, seed: int) -> list[Labelled]:
    """Sentences of `part` in the tagger's labels; a quarter of the slots is filled by another slot of their kind."""
    draw = random.Random(seed)  # noqa: S311

    def other(match: re.Match[str]) -> str:
        if draw.random() < 0.25:
            for group in _ALIKE:
                if match[1] in group:
                    return f"{{{{{draw.choice(group)}}}}}"
        return match[0]

    varied = [re.sub(r"\{\{(\w+)\}\}", other, text) for text in part.templates for _ in range(4)]
    samples = sentences(Part(varied, part.people, part.organizations), count, seed)
    return [Labelled(sample.full_text, tuple(sorted(map(_span, sample.spans)))) for sample in samples]


def _span(span: Any) -> tuple[int, int, str]:
    return span.start_position, span.end_position, _RENAMED.get(span.entity_type, span.entity_type)


def kinds(sample: Any) -> list[tuple[int, int, str]]:
    """The true spans of a sample in the tagger's labels."""
    return [_span(span) for span in sample.spans]


def texts(samples: Sequence[Any]) -> list[str]:
    """Their texts."""
    return [sample.full_text for sample in samples]
