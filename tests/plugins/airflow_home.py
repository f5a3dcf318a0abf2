"""An Airflow of the tests' own: temporary home, SQLite, this project's plugins. Import it before airflow."""

import atexit
import os
import shutil
import sys
import tempfile

from include.core.settings import PROJECT_ROOT

HOME = tempfile.mkdtemp(prefix="airflow-tests-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

os.environ.update(
    {
        "AIRFLOW_HOME": HOME,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
        "AIRFLOW__API_AUTH__JWT_SECRET": "tests" * 16,
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    }
)
for folder in (PROJECT_ROOT / "plugins", PROJECT_ROOT / "dags"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
