"""A wrong knob is refused when the configuration is read."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from include.customization.config import CustomizationConfig
from include.training.config import PretrainConfig, PretrainedConfig, TrainingConfig


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"pretrain": {"lerning_rate": 1}}, "Extra inputs are not permitted"),
        ({"pretrain": {"steps": 0}}, "greater than or equal to 2"),
        ({"pretrain": {"hidden_size": 250, "heads": 4}}, "does not split into 4 heads"),
        ({"pack": {"length": 4096}}, "pack.length 4096 exceeds the model's context 1024"),
        ({"pretrained": {"source": "folder"}}, "folder must name one"),
        ({"pretrained": {"sha256": "abc"}}, "should match pattern"),
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
    assert PretrainedConfig().source == "package"
    assert CustomizationConfig().techniques == ("lora", "prompt_tuning")


def test_step_modules_import_nothing_heavy() -> None:
    modules = "training.train_tokenizer training.pack training.pretrain training.import_pretrained "
    modules += "training.select_model customization.tune customization.gate"
    imports = "; ".join(f"import include.{module}" for module in modules.split())
    heavy = "{'torch', 'transformers', 'deepspeed', 'peft', 'pyarrow', 'tokenizers'}"
    code = f"import sys; {imports}; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
