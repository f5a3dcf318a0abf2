"""A step that queues made-up documents for review."""

import json

from include.artifacts.step import Workspace, step
from include.data_preparation.labelling.review_queue import ReviewTask, write_queue

CHOICES = {"access": "Cannot sign in.", "billing": "", "bug": "", "other": "None of these."}


@step("dataset")
def made_queue(work: Workspace, texts: list[str], choices: dict[str, str] = CHOICES) -> None:
    """One task a text; the documents are called d0, d1, ..."""
    tasks = [
        ReviewTask(
            id=f"d{number}",
            source="tickets",
            title=f"Ticket {number}",
            text=text,
            label="bug",
            suggested="billing",
            confidence=0.5,
            reason="low confidence",
            choices=json.dumps(choices),
            shown=f"shown{number}",
            digest=f"digest{number}",
            taxonomy="ticket_category",
            anonymized=not number,
        )
        for number, text in enumerate(texts)
    ]
    write_queue(work.output, tasks)
    work.metrics["tasks"] = len(tasks)
