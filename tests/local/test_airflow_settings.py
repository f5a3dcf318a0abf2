"""Airflow's command line and its scheduler write to one SQLite database."""

import subprocess
import sys
from pathlib import Path

import pytest

from include.core.settings import PROJECT_ROOT

WRITES = """
import sys
from sqlalchemy import create_engine, text
{settings}
engine = create_engine(f"sqlite:///{{sys.argv[1]}}?timeout=30")
with engine.connect() as one, engine.connect() as other:
    one.execute(text("PRAGMA journal_mode=WAL"))
    one.execute(text("CREATE TABLE runs (id INTEGER)"))
    one.commit()
    with one.begin_nested():
        one.execute(text("SELECT count(*) FROM runs")).scalar()
        import threading
        def write():
            other.execute(text("INSERT INTO runs VALUES (1)"))
            other.commit()
        scheduler = threading.Thread(target=write)
        scheduler.start()
        scheduler.join(1)
        one.execute(text("INSERT INTO runs VALUES (2)"))
    one.commit()
    scheduler.join()
    print(one.execute(text("SELECT count(*) FROM runs")).scalar())
"""


@pytest.mark.parametrize(("settings", "works"), [("", False), ("import airflow_local_settings", True)])
def test_a_transaction_that_reads_first_may_write_beside_the_scheduler(
    tmp_path: Path, settings: str, works: bool
) -> None:
    line = [sys.executable, "-c", WRITES.format(settings=settings), str(tmp_path / "airflow.db")]
    folder = PROJECT_ROOT / "include" / "local" / "airflow_settings"
    done = subprocess.run(line, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False)
    assert (done.stdout.strip() == "2") == works, done.stderr
    assert ("database is locked" in done.stderr) == (not works)
