"""What Airflow loads at its start, under this name: SQLite for several writers, and a library that all tasks need.

`airflow backfill create` opens a savepoint, reads and then writes. SQLite would begin that transaction as a reader's,
and refuses its first write at once, whatever the time-out, where the scheduler has written since.
"""

import sqlite3

# the scheduler's forks run tasks, and do not load it again each; code of ours would be kept past a change of it
import minio  # noqa: F401
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine


@event.listens_for(Engine, "savepoint")
def begin_as_a_writer(connection: Connection, name: str) -> None:
    """Take the write lock before a transaction's first savepoint: another writer is waited for."""
    raw = connection.connection.dbapi_connection
    if isinstance(raw, sqlite3.Connection) and not raw.in_transaction:
        raw.execute("BEGIN IMMEDIATE")
