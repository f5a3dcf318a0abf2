"""What tests of generated texts ask for."""

from pathlib import Path
from typing import Any

from include.artifacts.store import ArtifactStore
from include.data_preparation.config import GenerateTextsConfig
from include.data_preparation.documents import Document, read_all

TEMPLATES = {
    "slots": {
        "tool": ["the {part} service", "the scheduler"],
        "part": ["build", "export"],
        "hour": ["six", "seven", "eight"],
    },
    "templates": [
        {"question": "When does {tool} start?", "answer": "At {hour}, {tool} starts on its own."},
        {"question": "Who looks after {tool}?", "answer": "The platform team looks after {tool}."},
    ],
}


def config(**changes: Any) -> GenerateTextsConfig:
    """One prompt, asked six times, with waits that a test can wait for."""
    base: dict[str, Any] = {
        "prompts": [{"name": "topics", "instruction": "Write about {topic}.", "count": 6}],
        "slots": {"topic": [f"topic {number}" for number in range(40)]},
        "license": "Apache-2.0",
        "timeout_seconds": 5,
        "max_wait_seconds": 1,
        "concurrency": 3,
    }
    return GenerateTextsConfig.model_validate(base | changes)


def documents(store: ArtifactStore, ref: Any, folder: Path) -> list[Document]:
    return read_all(store.fetch(ref, folder))
