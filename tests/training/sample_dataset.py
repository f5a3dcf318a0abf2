"""A small real dataset in the format of data_preparation: docstrings of standard library modules."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from include.artifacts.step import Workspace, step

MODULES = (
    "argparse ast calendar collections/__init__ configparser contextlib copy csv datetime dataclasses difflib doctest "
    "fractions functools gzip heapq inspect ipaddress logging/__init__ mailbox pathlib pickle random shutil smtplib "
    "socket statistics string subprocess tarfile tempfile textwrap threading tokenize traceback typing unittest/case "
    "urllib/parse urllib/request uuid zipfile optparse imaplib ftplib turtle decimal _pydecimal tkinter/__init__ "
    "asyncio/base_events email/message http/client unittest/mock xml/dom/minidom multiprocessing/managers"
)


@step("dataset")
def sample_dataset(work: Workspace, train: int, heldout: int) -> None:
    """train.parquet, heldout.parquet and corpus.parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = sorted(_questions(), key=lambda row: str(hash_of(row["id"])))
    chosen, held = rows[heldout:][:train], rows[:heldout]
    assert len(chosen) == train, len(rows)
    corpus = [{"id": r["id"], "text": r["text"], "source": "docstrings"} | _rights() for r in rows[heldout:]]
    for name, table in (("train", chosen), ("heldout", held), ("corpus", corpus)):
        kept = [{key: value for key, value in row.items() if key != "text" or name == "corpus"} for row in table]
        pq.write_table(pa.Table.from_pylist(kept), work.output / f"{name}.parquet")
    (work.output / "card.json").write_text(json.dumps({"train": len(chosen), "heldout": len(held)}))


def hash_of(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def _rights() -> dict[str, Any]:
    return {"license": "PSF-2.0", "generated": False}


def _questions() -> Iterator[dict[str, Any]]:
    library = Path(ast.__file__).parent
    for module in MODULES.split():
        name = module.replace("/__init__", "").replace("/", ".")
        path = library / f"{module}.py"
        if not path.exists():
            continue
        seen = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_") or node.name in seen:
                continue
            text = ast.get_docstring(node)
            if text and len(text) > 30:
                seen.add(node.name)
                answer = " ".join(text.split("\n\n")[0].split())
                yield {
                    "id": f"docstring:{name}.{node.name}",
                    "question": f"What does {name}.{node.name} do?",
                    "answer": answer,
                    "source": "docstrings",
                    "label": "library",
                    "text": text,
                } | _rights()
