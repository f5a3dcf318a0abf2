"""Packages of the python backend on OpenVINO GenAI (include/inferencing/triton_model)."""

from typing import Any

from include.inferencing.gateway.backends import Failure, Piece, json_input, number_of, text_input, text_of
from include.inferencing.gateway.question import Question


class OpenVino:
    """Conversations go as they are: the package renders its own template."""

    def inputs(self, question: Question, adapter: str, info: dict[str, Any]) -> list[Any]:
        """Messages or prompt, parameters, and the adapter where one is asked for."""
        asked = (
            json_input("messages", question.messages) if question.chat else text_input("text_input", question.prompt)
        )
        tensors = [asked]
        if question.parameters:
            tensors.append(json_input("parameters", question.parameters))
        if adapter:
            tensors.append(text_input("adapter", adapter))
        return tensors

    def piece(self, outputs: dict[str, bytes]) -> Piece:
        """Text and tokens since the last response."""
        return Piece(
            text_of(outputs["text_output"]),
            number_of(outputs["completion_tokens"]),
            number_of(outputs["prompt_tokens"]),
            text_of(outputs["finish_reason"]),
        )

    def failure(self, message: str) -> Failure | None:
        """Its errors have codes."""
        return None
