"""How a dataset is divided, and what it has to fulfil."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from include.data_preparation.config.base import StepConfig
from include.evaluation.contamination.evaluation_sets import EvaluationSetConfig


class LabelQuestionConfig(StepConfig):
    """Sources whose documents are asked about for their label: to sort, to route, to classify."""

    sources: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, description="Sources, each with a taxonomy in data_preparation.label.taxonomies."
    )
    question: str = Field(
        "{text}",
        min_length=1,
        max_length=300,
        description="The question; {text} stands for the document's text, as much of its beginning as a question may "
        "have, and {title} for its title.",
    )
    answer: str = Field("{label}", min_length=1, max_length=300, description="The answer; {label} is the label.")

    @field_validator("question", "answer")
    @classmethod
    def _tells(cls, value: str, info: ValidationInfo) -> str:
        slot = {"question": "{text}", "answer": "{label}"}[str(info.field_name)]
        if value.count(slot) != 1:
            raise ValueError(f"it has to name {slot} once")
        return value


class SplitConfig(StepConfig):
    """How documents become questions, and which are held out."""

    train: int = Field(1500, ge=1, le=1_000_000, description="Most questions to train on.")
    heldout: int = Field(64, ge=1, le=100_000, description="Real questions that are held out.")
    max_answer_words: int = Field(45, ge=5, le=1000, description="Words of the longest answer.")
    min_answer_words: int = Field(4, ge=1, le=100, description="Words of the shortest answer.")
    label_questions: tuple[LabelQuestionConfig, ...] = Field(
        (), description="Sources whose documents are questions for their label, in place of answers to their title."
    )
    generated_share: float = Field(
        0.1, ge=0, le=0.9, description="Largest share of what is generated in train, and in the corpus."
    )
    generated_source_share: float = Field(
        0.1, ge=0, le=0.9, description="Largest share of what any one generator gives in train, and in the corpus."
    )
    feedback_share: float = Field(0.3, ge=0, le=0.9, description="Largest share of train that users' words make up.")
    tenant_share: float = Field(0.15, ge=0, le=0.9, description="Largest share of train that one tenant says.")
    seed: int = Field(7, ge=0, description="Decides which questions are held out.")
    evaluation_sets: tuple[EvaluationSetConfig, ...] = Field(
        (), description="Evaluation sets whose texts are kept out of what is trained on."
    )
    contamination_words: int = Field(
        13, ge=3, le=100, description="Consecutive words that a text may not share with an evaluation set."
    )
    contamination_min_words: int = Field(
        5,
        ge=1,
        le=100,
        description="Texts of an evaluation set, and held-out questions, with fewer words are kept out only where they "
        "are a question, and not inside longer texts.",
    )

    @field_validator("label_questions")
    @classmethod
    def _ask_each_source_once(cls, value: tuple[LabelQuestionConfig, ...]) -> tuple[LabelQuestionConfig, ...]:
        named = [source for one in value for source in one.sources]
        if twice := sorted({source for source in named if named.count(source) > 1}):
            raise ValueError(f"{twice[0]} is asked about twice; a document is one question")
        return value

    def label_question(self, source: str) -> LabelQuestionConfig | None:
        """How a source's documents are asked about for their label; None where they are not."""
        return next((one for one in self.label_questions if source in one.sources), None)


class CheckConfig(StepConfig):
    """Gates of the final dataset."""

    min_train: int = Field(200, ge=1, description="Fewest questions to train on.")
    min_heldout: int = Field(32, ge=1, description="Fewest held-out questions.")
    min_corpus: int = Field(500, ge=1, description="Fewest documents for pretraining.")
    max_generated_share: float = Field(
        0.2, ge=0, le=1, description="Largest share of what is generated in train, and in the corpus."
    )
    max_generated_source_share: float = Field(
        0.2, ge=0, le=1, description="Largest share of what any one generator gives in train, and in the corpus."
    )
    max_leaked_share: float = Field(
        0.02, ge=0, le=1, description="Largest share of names and addresses that survive anonymization."
    )
    max_leaked_numbers: int = Field(
        0, ge=0, description="E-mail addresses, phone, card and account numbers that may survive."
    )
    min_synthetic_quality: float = Field(0.7, ge=0, le=1, description="SDV's quality score of the synthetic tables.")
    max_rejected_share: float = Field(
        0.2, ge=0, le=1, description="Largest share of sampled table rows that broke a rule and were left out."
    )
    max_closer_to_seen: float = Field(
        0.6,
        ge=0.5,
        le=1,
        description="Share of synthetic rows closest to a record that their model has seen (0.5: it is no closer to "
        "those than to others); the lower bound of its 95% interval is held against this.",
    )
    max_attack_auc: float = Field(
        0.6,
        ge=0.5,
        le=1,
        description="AUC of guessing from the synthetic rows which records their model has seen; the lower bound of "
        "its 95% interval is held against this.",
    )
    max_near_copies: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of synthetic rows that are copies or near copies of a record seen, beyond what chance "
        "gives; the lower bound of its 95% interval is held against this.",
    )
    max_copied_share: float = Field(
        0.01, ge=0, le=1, description="Share of synthetic rows equal to a record seen, beyond what chance gives."
    )
    max_dropped_share: float = Field(0.7, ge=0, le=1, description="Largest share of documents lost on the way.")
    min_agreement: float | None = Field(
        None, ge=-1, le=1, description="Least agreement between annotators; null: no gate, the card only warns."
    )
