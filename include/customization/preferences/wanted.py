"""Which of what is chosen learns from preferences."""

from typing import Any

from include.customization.config import CustomizationConfig

Section = CustomizationConfig | dict[str, Any]


def learners(customization: Section) -> list[str]:
    """The names of the chosen techniques that learn from pairs, be it through a reward model.

    `customization` is the use case's section, as it is or as JSON.
    """
    return _chosen(customization, "learns_from_pairs", "rewarded_by_model")


def rewarded_by_model(customization: Section) -> list[str]:
    """The names of the chosen techniques that a reward model rewards."""
    return _chosen(customization, "rewarded_by_model")


def _chosen(customization: Section, *properties: str) -> list[str]:
    config = CustomizationConfig.model_validate(customization)
    configured = {name: config.technique(name) for name in config.techniques}
    return [name for name, one in configured.items() if any(getattr(one, needed, False) for needed in properties)]
