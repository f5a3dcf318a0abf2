"""How the selected model is customized, and what it has to prove."""

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from include.customization.config.base import Config
from include.customization.config.preferences import DpoConfig, GrpoConfig, PreferencesConfig, RewardModelConfig
from include.customization.config.race import GateConfig, RaceConfig
from include.customization.config.techniques import (
    ContinuedPretrainingConfig,
    DoraConfig,
    FewShotConfig,
    FullConfig,
    LoraConfig,
    LowRankConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
    PTuningConfig,
    QloraConfig,
    TuningConfig,
)

__all__ = [
    "TECHNIQUES",
    "AnyTechnique",
    "ContinuedPretrainingConfig",
    "CustomizationConfig",
    "DoraConfig",
    "DpoConfig",
    "FewShotConfig",
    "FullConfig",
    "GateConfig",
    "GrpoConfig",
    "LoraConfig",
    "LowRankConfig",
    "PTuningConfig",
    "PreferencesConfig",
    "PrefixTuningConfig",
    "PromptTuningConfig",
    "QloraConfig",
    "RaceConfig",
    "RewardModelConfig",
    "TuningConfig",
]

AnyTechnique = Annotated[
    FewShotConfig
    | FullConfig
    | LoraConfig
    | DoraConfig
    | QloraConfig
    | PromptTuningConfig
    | PTuningConfig
    | PrefixTuningConfig
    | ContinuedPretrainingConfig
    | DpoConfig
    | GrpoConfig,
    Field(discriminator="technique"),
]
TECHNIQUES = (
    "few_shot",
    "full",
    "lora",
    "dora",
    "qlora",
    "prompt_tuning",
    "p_tuning",
    "prefix_tuning",
    "continued_pretraining",
    "dpo",
    "grpo",
)


class CustomizationConfig(Config):
    """The customization step."""

    variants: dict[str, AnyTechnique] = Field(
        {}, description="Techniques with other settings, by names of their own: each says its technique."
    )
    techniques: tuple[str, ...] = Field(
        ("lora", "prompt_tuning"),
        min_length=1,
        description="Techniques and variants to try; the gate chooses among them.",
        json_schema_extra={"items": {"type": "string", "examples": list(TECHNIQUES)}},
    )
    few_shot: FewShotConfig = Field(FewShotConfig(), description="Examples in the prompt.")
    full: FullConfig = Field(FullConfig(), description="Supervised training of all weights.")
    lora: LoraConfig = Field(LoraConfig(), description="Low-rank adaptation.")
    dora: DoraConfig = Field(DoraConfig(), description="Low-rank adaptation of directions.")
    qlora: QloraConfig = Field(QloraConfig(), description="Low-rank adaptation beside a base in 4 bits.")
    prompt_tuning: PromptTuningConfig = Field(PromptTuningConfig(), description="Prompt tuning.")
    p_tuning: PTuningConfig = Field(PTuningConfig(), description="P-tuning.")
    prefix_tuning: PrefixTuningConfig = Field(PrefixTuningConfig(), description="Prefix tuning.")
    continued_pretraining: ContinuedPretrainingConfig = Field(
        ContinuedPretrainingConfig(), description="Transfer learning on the corpus."
    )
    preferences: PreferencesConfig = Field(PreferencesConfig(), description="Pairs of a better and a worse answer.")
    reward_model: RewardModelConfig = Field(RewardModelConfig(), description="The model that scores answers.")
    dpo: DpoConfig = Field(DpoConfig(), description="Direct preference optimization.")
    grpo: GrpoConfig = Field(GrpoConfig(), description="Group relative policy optimization.")
    race: RaceConfig = Field(RaceConfig(), description="How the techniques compete.")
    gate: GateConfig = Field(GateConfig(), description="The gate after the evaluations.")

    @field_validator("variants")
    @classmethod
    def _names_of_their_own(cls, variants: dict[str, AnyTechnique]) -> dict[str, AnyTechnique]:
        for name in variants:
            if name in cls.model_fields or not name.isidentifier():
                raise ValueError(f"{name!r} is no name of a variant's own: use letters, digits and _, and no section's")
        return variants

    @field_validator("techniques")
    @classmethod
    def _are_known(cls, techniques: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        known = (*TECHNIQUES, *info.data.get("variants", {}))
        for name in techniques:
            if name not in known:
                raise ValueError(f"{name!r} is neither a technique nor a variant: use {', '.join(known)}")
        if len(set(techniques)) < len(techniques):
            raise ValueError("a name is given twice: try each technique once, or name a variant with other settings")
        return techniques

    def technique(self, name: str) -> AnyTechnique:
        """The configuration of one of `techniques`."""
        found: AnyTechnique = self.variants.get(name) or getattr(self, name)
        return found

    def path(self, name: str) -> str:
        """Where in the use case a technique of `techniques` is configured: `customization.lora`."""
        return f"customization.variants.{name}" if name in self.variants else f"customization.{name}"
