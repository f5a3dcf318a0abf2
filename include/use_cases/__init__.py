"""Use cases: one YAML file each, loaded and checked by `load_use_case`."""

from include.use_cases.use_case import UseCase, load_each, load_use_case, use_case_names

__all__ = ["UseCase", "load_each", "load_use_case", "use_case_names"]
