"""Knobs of data preparation: one frozen model a step, one file a concern."""

from pydantic import Field

from include.data_preparation.config.base import StepConfig
from include.data_preparation.config.cleaning import BoilerplateConfig, CleanConfig, DeduplicateConfig
from include.data_preparation.config.collections import (
    CollectionConfig,
    ColumnsConfig,
    LimitsConfig,
    Source,
)
from include.data_preparation.config.labelling import LabelConfig
from include.data_preparation.config.privacy import AnonymizeConfig
from include.data_preparation.config.publication import CheckConfig, LabelQuestionConfig, SplitConfig
from include.data_preparation.config.sources import (
    LEAST_TICKETS,
    AggregateConfig,
    CompareSourcesConfig,
    RecordsConfig,
)
from include.data_preparation.config.synthesis import SynthesizeConfig
from include.data_preparation.config.texts import GenerateTextsConfig

__all__ = [
    "LEAST_TICKETS",
    "AggregateConfig",
    "AnonymizeConfig",
    "BoilerplateConfig",
    "CheckConfig",
    "CleanConfig",
    "CollectionConfig",
    "ColumnsConfig",
    "CompareSourcesConfig",
    "DataPreparationConfig",
    "DeduplicateConfig",
    "GenerateTextsConfig",
    "LabelConfig",
    "LabelQuestionConfig",
    "LimitsConfig",
    "RecordsConfig",
    "Source",
    "SplitConfig",
    "SynthesizeConfig",
]


class DataPreparationConfig(StepConfig):
    """All steps of data preparation."""

    generate_texts: GenerateTextsConfig = Field(GenerateTextsConfig(), description="Texts that are written for it.")
    aggregate: AggregateConfig = Field(AggregateConfig(), description="What is read.")
    compare_sources: CompareSourcesConfig = Field(CompareSourcesConfig(), description="What a source may lose.")
    find_boilerplate: BoilerplateConfig = Field(BoilerplateConfig(), description="Which repeated lines are cut out.")
    clean: CleanConfig = Field(CleanConfig(), description="What is kept.")
    deduplicate: DeduplicateConfig = Field(DeduplicateConfig(), description="What counts as the same.")
    label: LabelConfig = Field(LabelConfig(), description="How texts are labelled.")
    anonymize: AnonymizeConfig = Field(AnonymizeConfig(), description="What is personal.")
    synthesize: SynthesizeConfig = Field(SynthesizeConfig(), description="Synthetic twins of tables.")
    split: SplitConfig = Field(SplitConfig(), description="Questions to train on and to hold out.")
    check: CheckConfig = Field(CheckConfig(), description="Gates of the dataset.")
