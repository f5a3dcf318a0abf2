"""A wrong knob is refused when the configuration is read."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from include.customization.config import CustomizationConfig
from include.training.config import PretrainConfig, TrainingConfig


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"pretrain": {"lerning_rate": 1}}, "Extra inputs are not permitted"),
        ({"pretrain": {"steps": 0}}, "greater than or equal to 2"),
        ({"pretrain": {"hidden_size": 250, "heads": 4}}, "does not split into 4 heads"),
        ({"pretrain": {"length": 4096}}, "length 4096 exceeds context 1024"),
        ({"candidates": {"one": {"source": "folder", "name": "a", "license": "MIT"}}}, "Field required"),
        ({"candidates": {"one": {"source": "store"}}}, "either artifact or champion_of"),
        ({"candidates": {}}, "at least 1 item"),
        ({"candidates": {"Not-a-name": {"source": "store", "champion_of": "a"}}}, "should match pattern"),
        ({"select": {"indicator": "lm_eval.any.magic"}}, "nothing measures it"),
    ],
)
def test_training(values: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TrainingConfig.model_validate(values)


@pytest.mark.parametrize("values", [{"techniques": []}, {"techniques": ["magic"]}, {"lora": {"rank": 0}}])
def test_customization(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CustomizationConfig.model_validate(values)


def test_defaults_are_a_run() -> None:
    assert PretrainConfig().batch % 2 == 0
    assert [one.source for one in TrainingConfig().candidates.values()] == ["package"]
    assert CustomizationConfig().techniques == ("lora", "prompt_tuning")


def test_step_modules_import_nothing_heavy() -> None:
    modules = "training.pretrain training.screen training.import_pretrained training.select_model"
    modules += " customization.tune customization.gate evaluation.evaluate"
    imports = "; ".join(f"import include.{module}" for module in modules.split())
    heavy = "{'torch', 'transformers', 'deepspeed', 'peft', 'pyarrow', 'tokenizers'}"
    code = f"import sys; {imports}; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
