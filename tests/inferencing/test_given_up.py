"""What a model's threads tell the engine of an answer that ends before it begins; without Triton, to order them."""

import importlib
import itertools
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest

PLACE = "include.inferencing.triton_model."
PATIENCE = 60


class Engine:
    """Notes what it is told; whoever adds an answer does so only when it has been given up."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.given_up = threading.Event()

    def add(self, number: int, *_: Any) -> None:
        assert self.given_up.wait(PATIENCE)
        self.told.append("add")

    def drop(self, number: int) -> None:
        self.told.append("drop")
        self.given_up.set()

    def news(self, seconds: float) -> list[Any]:
        return []


class Inputs(dict[str, Any]):
    """A request of one microsecond."""

    def get_response_sender(self) -> Any:
        return MagicMock(is_cancelled=lambda: False)

    def timeout(self) -> int:
        return 1


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The model's module, with what is there inside Triton alone."""
    triton = MagicMock(get_input_tensor_by_name=lambda request, name: request.get(name))
    monkeypatch.setitem(sys.modules, "openvino_genai", MagicMock())
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", triton)
    yield importlib.import_module(PLACE + "model")
    for name in ("model", "answer"):
        del sys.modules[PLACE + name]


def test_an_answer_that_is_given_up_before_it_begins_is_not_written(inside: ModuleType) -> None:
    model, engine = inside.TritonPythonModel(), Engine()
    model.limits = {"deadline_seconds": 60, "max_sequences": 1, "max_waiting": 1}
    model.limits |= {"max_prompt_tokens": 8, "max_new_tokens": 8}
    model.engine, model.tokenizer, model.active, model.numbers = engine, MagicMock(), {}, itertools.count()
    model.prompts = MagicMock(build=lambda _: MagicMock(tokens=np.array([[1, 2]]), shift=0))
    model.broken, model.stopping = "", False
    delivery = threading.Thread(target=model._deliver)
    delivery.start()
    model.execute([Inputs(text_input=MagicMock(as_numpy=lambda: np.array([b"Why?"])))])
    model.stopping = True
    delivery.join(PATIENCE)
    assert engine.told[:2] == ["drop", "add"] and engine.told[-1] == "drop"
