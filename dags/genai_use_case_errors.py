"""Shows a use case that cannot be loaded as an Airflow DAG import error; the other use cases keep their DAGs.

Airflow sets aside every DAG of a file that fails, so the failure has a file of its own.
"""

from genai_airflow.use_case_catalog import read_use_cases

errors = read_use_cases()[1]
if errors:
    raise ValueError("\n".join(f"use case {name}: {error}" for name, error in errors.items()))
