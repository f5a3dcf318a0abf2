"""lm-eval's task files, read from folders of this project and the use case's, and held back where they would do harm.

A task file is more than data: `!function` and `class` run Python, and so do templates outside of a sandbox; data sets,
prompts and metrics may be names of a hub. What is left without them is what most multiple-choice and generation tasks
need.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from include.core.errors import ConfigurationError
from include.core.settings import PROJECT_ROOT, settings
from include.evaluation.config import LmEvalConfig
from include.evaluation.measures import LM_EVAL_METRICS

FIELD = "evaluation.lm_eval.tasks"
FOLDER = f"{FIELD}_folder"
BUILT_IN = PROJECT_ROOT / "include" / "evaluation" / "tasks"
_KNOWN = """
task task_alias tag include dataset_path dataset_name dataset_kwargs training_split validation_split test_split
fewshot_split doc_to_text doc_to_target doc_to_choice description target_delimiter fewshot_delimiter fewshot_config
num_fewshot metric_list output_type generation_kwargs repeats filter_list gen_prefix should_decontaminate metadata
"""


class _Loader(yaml.SafeLoader):
    """Reads `!function` as what it is, so that it can be refused by name."""


class _Function(str):
    __slots__ = ()


def _function(loader: yaml.SafeLoader, node: yaml.Node) -> _Function:
    return _Function(loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else "")


_Loader.add_constructor("!function", _function)


def task_folders(config: LmEvalConfig) -> list[Path]:
    """Where tasks are looked for: the use case's folder first, then this project's.

    ConfigurationError where the use case's is missing, or lies elsewhere than beside the use cases.
    """
    if not config.tasks_folder:
        return [BUILT_IN]
    beside = settings().use_cases_folder.resolve()
    folder = (beside / config.tasks_folder).resolve()
    if not folder.is_relative_to(beside) or folder == beside:
        raise ConfigurationError(FOLDER, config.tasks_folder, "it leads elsewhere", f"Name a folder below {beside}")
    if not folder.is_dir():
        raise ConfigurationError(FOLDER, config.tasks_folder, "there is no such folder", f"Make it below {beside}")
    return [folder, BUILT_IN]


def digests(config: LmEvalConfig) -> dict[str, str]:
    """File -> SHA-256 of all that the tasks may be read from; empty where none is asked for."""
    if not config.tasks:
        return {}
    return {
        f"{index}/{path.relative_to(folder)}": hashlib.sha256(path.read_bytes()).hexdigest()
        for index, folder in enumerate(task_folders(config))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def read_tasks(config: LmEvalConfig) -> list[dict[str, Any]]:
    """The configurations that lm-eval takes, in the order of `tasks`, data files as absolute paths.

    ConfigurationError names a task that is not there, or what of it is refused.
    """
    found: dict[str, tuple[Path, Path]] = {}
    for folder in task_folders(config):
        for path in sorted(folder.rglob("*.yaml")):
            name = _read(path).get("task")
            if isinstance(name, str):
                found.setdefault(name, (path, folder))
    if missing := [name for name in config.tasks if name not in found]:
        known = f"Known: {', '.join(sorted(found))}"
        raise ConfigurationError(FIELD, missing, "there is no such task", f"{known}; others belong in tasks_folder")
    return [_configuration(name, *found[name], config) for name in config.tasks]


def _configuration(name: str, path: Path, folder: Path, config: LmEvalConfig) -> dict[str, Any]:
    merged = _merged(name, path, folder, ())
    trusted = config.allow_code and folder != BUILT_IN
    if not trusted:
        for problem in _refused(merged):
            raise ConfigurationError(f"{FIELD}: {name}", path.name, problem, "Correct the task, or see allow_code")
    if merged.get("dataset_path") != "json" and "custom_dataset" not in merged:
        raise ConfigurationError(
            f"{FIELD}: {name}: dataset_path",
            merged.get("dataset_path"),
            "no data are downloaded",
            "Write json, and name JSONL files beside the task in dataset_kwargs.data_files",
        )
    if trusted:
        # what the functions are is for lm-eval to find
        from lm_eval.tasks._yaml_loader import load_yaml

        merged = load_yaml(path)
    kwargs = dict(merged.get("dataset_kwargs") or {})
    if "data_files" in kwargs:
        kwargs["data_files"] = _placed(name, kwargs["data_files"], path.parent, folder)
    return {key: value for key, value in merged.items() if key != "tag"} | {"dataset_kwargs": kwargs}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506
    except (yaml.YAMLError, OSError, RecursionError, ValueError) as error:
        raise ConfigurationError(
            FOLDER, path.name, f"it cannot be read: {' '.join(str(error).split())[:200]}", "Correct the file"
        ) from None
    return content if isinstance(content, dict) else {}


def _merged(name: str, path: Path, folder: Path, around: tuple[Path, ...]) -> dict[str, Any]:
    """A task file with those that it includes, its own keys before theirs."""
    if path in around:
        raise ConfigurationError(f"{FIELD}: {name}: include", path.name, "it includes itself", "Correct the task")
    own = _read(path)
    included = own.pop("include", [])
    merged: dict[str, Any] = {}
    for one in included if isinstance(included, list) else [included]:
        merged |= _merged(name, _below(name, str(one), path.parent, folder), folder, (*around, path))
    return merged | own


def _below(name: str, file: str, here: Path, folder: Path) -> Path:
    """A file that a task names, as it lies below the folder of tasks; ConfigurationError where it does not."""
    path = (here / file).resolve()
    if Path(file).is_absolute() or not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise ConfigurationError(
            f"{FIELD}: {name}", file, "there is no such file below the folder of tasks", "Put it beside the task"
        )
    return path


def _placed(name: str, files: Any, here: Path, folder: Path) -> Any:
    if isinstance(files, dict):
        return {split: _placed(name, one, here, folder) for split, one in files.items()}
    if isinstance(files, list):
        return [_placed(name, one, here, folder) for one in files]
    return str(_below(name, str(files), here, folder))


def _refused(task: dict[str, Any]) -> Iterator[str]:
    """What of a task would run code, or ask a hub, or is not what it should be."""
    entries, arguments = task.get("metric_list") or [], task.get("dataset_kwargs") or {}
    if not isinstance(arguments, dict):
        yield "dataset_kwargs is no mapping"
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        yield "metric_list is no list of mappings"
    if functions := sorted(str(value) for value in _values(task) if isinstance(value, _Function)):
        yield f"it runs Python: !function {functions[0]}"
    if unknown := sorted(set(map(str, task)) - set(_KNOWN.split())):
        yield f"{unknown[0]} may run code or load it from elsewhere"
    if extra := sorted(set(map(str, arguments)) - {"data_files"}):
        yield f"dataset_kwargs.{extra[0]} is none of a local file: data_files alone is"
    for entry in entries:
        if str(entry.get("metric")) not in LM_EVAL_METRICS or entry.get("hf_evaluate"):
            yield f"metric {entry.get('metric')} is none of {', '.join(LM_EVAL_METRICS)}"


def _values(whole: Any) -> Iterator[Any]:
    """All that is no mapping or list, each of which is looked into once: aliases may nest them without end."""
    seen, left = set[int](), [whole]
    while left:
        value = left.pop()
        if not isinstance(value, dict | list):
            yield value
        elif id(value) not in seen:
            seen.add(id(value))
            left += value.values() if isinstance(value, dict) else value
