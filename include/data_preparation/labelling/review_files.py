"""Review tasks as files for labelling tools: Label Studio's JSON, and CSV."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from include.core.errors import ConfigurationError
from include.data_preparation.labelling.review_queue import ReviewTask

COLUMNS = (
    "document",
    "shown",
    "exported_at",
    "source",
    "taxonomy",
    "title",
    "text",
    "suggested",
    "confidence",
    "reason",
    "choices",
)
ANSWERS = ("label", "annotator", "given_at")
STUDIO, CSV = "label studio", "csv"
FORMATS = {".json": STUDIO, ".csv": CSV}
# what a spreadsheet would take for a formula
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
STUDIO_CONFIG = """\
<View>
  <Header value="$title"/>
  <Text name="text" value="$text"/>
  <Choices name="label" toName="text" value="$choices" choice="single" required="true"/>
</View>
"""


def format_of(path: Path) -> str:
    """The format that a file's name tells; ConfigurationError for another one."""
    if path.suffix.lower() not in FORMATS:
        raise ConfigurationError(
            "review file", str(path), "neither .json nor .csv", "Name it .json (Label Studio) or .csv"
        )
    return FORMATS[path.suffix.lower()]


def write_tasks(tasks: Sequence[ReviewTask], form: str, moment: str) -> str:
    """The content of a file with these tasks, label model's labels as predictions.

    Every task tells the moment of the export: what is said elsewhere after it is newer than an answer in the file.
    """
    if form == CSV:
        return _csv(tasks, moment)
    return json.dumps([_studio(task, moment) for task in tasks], indent=1, ensure_ascii=False)


def _studio(task: ReviewTask, moment: str) -> dict[str, Any]:
    choice = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [task.suggested]}}
    return {
        "data": {
            "document": task.id,
            "shown": task.shown,
            "exported_at": moment,
            "source": task.source,
            "taxonomy": task.taxonomy,
            "title": task.title,
            "text": task.text,
            "reason": task.reason,
            "choices": [{"value": label, "hint": told} for label, told in task.described.items()],
        },
        "predictions": [{"model_version": "genai", "score": task.confidence, "result": [choice]}],
    }


def _csv(tasks: Sequence[ReviewTask], moment: str) -> str:
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow((*COLUMNS, *ANSWERS))
    for task in tasks:
        title, text = (f"'{one}" if one.startswith(_FORMULA) else one for one in (task.title, task.text))
        told = (task.suggested, task.confidence, task.reason, " | ".join(task.described))
        writer.writerow((task.id, task.shown, moment, task.source, task.taxonomy, title, text, *told, "", "", ""))
    return target.getvalue()
