"""What is kept."""

from pydantic import Field

from include.data_preparation.config.base import StepConfig


class CleanConfig(StepConfig):
    """What makes a text worth keeping."""

    min_words: int = Field(4, ge=1, le=1000, description="Words of the shortest text that is kept.")
    max_characters: int = Field(60_000, ge=100, description="Characters of the longest text that is kept.")
    min_letters: float = Field(0.5, ge=0, le=1, description="Share of letters and spaces in a text.")
    max_repetition: float = Field(0.5, gt=0, le=1, description="Share that one word may have in a text of 20 or more.")
    language: str = Field("en", pattern=r"^[a-z]{2,3}$", description="ISO 639 code of the language that is kept.")
    language_confidence: float = Field(
        0.7, ge=0, le=1, description="A text goes only where another language is this likely: short texts mislead."
    )
    language_min_characters: int = Field(60, ge=1, description="Shorter texts are taken as the language wanted.")


class DeduplicateConfig(StepConfig):
    """When two texts count as one."""

    near_duplicate: float = Field(0.8, gt=0, le=1, description="Jaccard similarity of word shingles.")
    shingle_words: int = Field(3, ge=1, le=20, description="Words in a shingle.")
    permutations: int = Field(128, ge=16, le=1024, multiple_of=16, description="Hash functions of MinHash.")
