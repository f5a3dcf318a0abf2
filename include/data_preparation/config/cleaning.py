"""What is kept, and what of it."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from include.data_preparation.config.base import StepConfig

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


class BoilerplateConfig(StepConfig):
    """When a line that many documents have is no part of what they say."""

    min_documents: int = Field(10, ge=2, le=1_000_000, description="Fewest documents of a source that have the line.")
    min_share: float = Field(
        0.02, gt=0, le=1, description="Least share of a source's documents that have it; 1 leaves nearly every line."
    )
    min_words: int = Field(3, ge=1, le=100, description="Lines of fewer words stay: headings, greetings.")


class CleanConfig(StepConfig):
    """What makes a text worth keeping, and what is taken out of it."""

    min_words: int = Field(4, ge=1, le=1000, description="Words of the shortest text that is kept.")
    max_characters: int = Field(
        60_000,
        ge=100,
        le=500_000,
        description="Characters of the longest text that is kept: personal data is looked for in a whole text at once.",
    )
    long_words: int = Field(
        150, ge=20, le=10_000, description="Words from which a text is held to the stricter rules for documents."
    )
    min_letters: float = Field(0.5, ge=0, le=1, description="Share of letters and spaces in a text.")
    max_repetition: float = Field(0.5, gt=0, le=1, description="Share that one word may have in a text of 20 or more.")
    max_repeated_phrases: float = Field(
        0.7, gt=0, le=1, description="Share of a text's runs of three words that may be repetitions of others."
    )
    max_repeated_lines: float = Field(0.5, gt=0, le=1, description="Share of lines that may be repetitions of others.")
    max_links: float = Field(0.6, gt=0, le=1, description="Share of a short text's characters in links.")
    max_encoded: float = Field(0.3, gt=0, le=1, description="Share of characters in base64, hexadecimal or escapes.")
    max_mashed: float = Field(0.5, gt=0, le=1, description="Share of longer words that no language would spell so.")
    languages: tuple[Language, ...] = Field(
        ("en",), min_length=1, description="ISO 639 codes of the languages that are kept. `language: en` names one."
    )
    language_confidence: float = Field(
        0.7, ge=0, le=1, description="A text goes only where another language is this likely: short texts mislead."
    )
    language_min_characters: int = Field(60, ge=1, description="Shorter texts are taken as a language wanted.")
    quoted_replies: bool = Field(
        True, description="Cut quoted replies, headers of forwarded mail and signatures out of messages."
    )

    @model_validator(mode="before")
    @classmethod
    def _one_language(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "language" not in value:
            return value
        if "languages" in value:
            raise ValueError("language and languages say the same: name one of them")
        rest = {name: content for name, content in value.items() if name != "language"}
        return rest | {"languages": (value["language"],)}


class DeduplicateConfig(StepConfig):
    """When two texts count as one."""

    near_duplicate: float = Field(0.8, gt=0, le=1, description="Jaccard similarity of word shingles.")
    shingle_words: int = Field(3, ge=1, le=20, description="Words in a shingle.")
    earlier_datasets: Literal["first_id_stays", "drop"] = Field(
        "first_id_stays",
        description="What becomes of a text that is the same as, or similar to, one that an earlier dataset had under "
        "another id: the id that had it stays where it is still there, and where it is gone, the new one stays and is "
        "counted; or, for sources that deliver each record once, the new one is dropped.",
    )
    permutations: int = Field(128, ge=16, le=1024, multiple_of=16, description="Hash functions of MinHash.")
