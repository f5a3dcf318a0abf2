"""Presets have the size that they are named after, and a use case changes each dimension of its own."""

import pytest
from pydantic import ValidationError

from include.training.config import PretrainConfig
from include.training.presets import PRESETS, Preset, llama


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_the_parameters_of_its_name(name: Preset) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    shape = PRESETS[name]
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(llama(shape, shape.vocabulary))

    said = float(name[:-1]) * {"m": 1e6, "b": 1e9}[name[-1]]
    assert sum(parameter.numel() for parameter in model.parameters()) == pytest.approx(said, rel=0.16)
    assert shape.head_size in (64, 128)


def test_each_dimension_may_differ_from_the_preset() -> None:
    assert PretrainConfig().shape == PRESETS["5m"]
    shape = PretrainConfig(preset="1b", layers=2, key_value_heads=4, tied_embeddings=False).shape
    assert (shape.layers, shape.queries, shape.tied, shape.hidden_size) == (2, 8, False, 2048)
    assert llama(shape, 1000).num_key_value_heads == 4
    # half the heads share keys and values as the preset's do
    assert llama(PretrainConfig(preset="1b", heads=16).shape, 1000).num_key_value_heads == 4


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"heads": 3}, "does not split into 3 heads"),
        ({"key_value_heads": 3}, "4 heads do not share 3 heads"),
        ({"preset": "1b", "heads": 2}, "2 heads do not share"),
        ({"zero": 2, "offload": "parameters"}, "offload parameters needs zero 3"),
        ({"preset": "2b"}, "Input should be"),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PretrainConfig.model_validate(values)
