"""The rows of a query, read as a stream from a database that an Airflow connection names."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from include.artifacts.manifest import sha256_of
from include.core.connections import Connection, connection
from include.core.errors import PrerequisiteError, ServerUnavailableError, SourceError
from include.data_preparation.config import CollectionConfig
from include.data_preparation.locations.entry import Entry
from include.data_preparation.readers import Found, Reading, Row

if TYPE_CHECKING:
    import sqlalchemy

BATCH = 1000
# Airflow's names of connection types -> what SQLAlchemy calls the database and its driver
DRIVERS = {"postgres": "postgresql+psycopg2", "postgresql": "postgresql+psycopg2", "mysql": "mysql+mysqldb"}
# what of a connection's extra is an option of the driver
OPTIONS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "application_name", "options")
REFUSED = ("password", "authentication", "permission denied", "does not exist", "denied", "no such")


class SqlRows(Entry):
    """The rows of a query, as the database shows them in one transaction that only reads.

    Rows come in the query's order; without ORDER BY that may change, and what is told by place with it.
    """

    def __init__(self, source: CollectionConfig, field: str) -> None:
        super().__init__("query")
        self._source, self._field = source, field
        self._id = source.location.removeprefix("sql:")

    def state(self) -> str:
        """The digest of what the state query says; without one, of all rows in whatever order."""
        if self._source.state_query:
            return sha256_of([repr(row) for row in self._rows(self._source.state_query)])
        total, count = 0, 0
        columns = sorted({name for name in self._source.columns.model_dump().values() if name})
        for row in self._rows(self._source.query):
            said = repr([_plain(row.get(name)) for name in columns])
            total += int.from_bytes(hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest(), "big")
            count += 1
        return f"{count} {total % (1 << 256):064x}"

    def found(self, scratch: Path, reading: Reading) -> Iterator[tuple[str, Found]]:
        """A record a row; SourceError where the query gives no column of texts, or none of ids."""
        reading.formats["sql"] += 1
        for place, row in enumerate(self._rows(self._source.query), 1):
            for name in (self._source.columns.text, self._source.columns.id):
                if place == 1 and name not in row:
                    raise self._error(f"the query gives no column {name}", "Select it, or correct columns")
            yield self.name, Row(place, reading.fields(row))

    def _rows(self, query: str) -> Iterator[Mapping[str, Any]]:
        import sqlalchemy

        with self._connected() as database:
            try:
                result = database.execute(sqlalchemy.text(query.replace(":", r"\:")))
                for row in result.mappings():
                    yield dict(row)
            except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.ProgrammingError) as error:
                raise self._error(f"its query fails: {_message(error)}", "Correct the query, or the rights") from None
            except sqlalchemy.exc.SQLAlchemyError as error:
                # others quote the data
                raise self._error(f"its query fails: {type(error).__name__}", "Correct the query") from None

    @contextmanager
    def _connected(self) -> Iterator["sqlalchemy.Connection"]:
        import sqlalchemy

        found = connection(self._id)
        try:
            engine = sqlalchemy.create_engine(_address(found), poolclass=sqlalchemy.NullPool, hide_parameters=True)
        except (sqlalchemy.exc.NoSuchModuleError, ImportError):
            raise PrerequisiteError(
                f"connection {self._id}", found.kind, "there is no driver for it", "Install SQLAlchemy's driver for it"
            ) from None
        except sqlalchemy.exc.ArgumentError:
            raise self._error("the connection is incomplete", "Complete it in Airflow") from None
        try:
            database = engine.connect()
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise self._unconnected(error, found) from None
        with database:
            options: dict[str, Any] = {"stream_results": True, "yield_per": BATCH}
            if engine.dialect.name == "postgresql":
                options |= {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
            database = database.execution_options(**options)
            if engine.dialect.name == "sqlite":
                database.exec_driver_sql("PRAGMA query_only = ON")
            elif engine.dialect.name in ("mysql", "mariadb"):
                database.exec_driver_sql("SET TRANSACTION READ ONLY")
            yield database
            database.rollback()

    def _unconnected(self, error: Exception, found: Connection) -> Exception:
        message = _message(error).replace(found.password.get_secret_value() or "\0", "***")
        if found.kind == "sqlite" or any(word in message.lower() for word in REFUSED):
            return self._error(f"it cannot be opened: {message}", "Correct the connection, or the rights")
        return ServerUnavailableError(
            self._field, self._source.location, f"the database does not answer: {message}", "Try again"
        )

    def _error(self, problem: str, remedy: str) -> SourceError:
        return SourceError(self._field, self._source.location, problem, remedy)


def _address(found: Connection) -> "sqlalchemy.URL":
    import sqlalchemy

    if found.kind == "sqlite":
        # Airflow keeps the path as host or schema; SQLite itself refuses to write what is opened so
        path = found.host or f"/{found.database.lstrip('/')}"
        return sqlalchemy.URL.create("sqlite", database=f"file:{quote(path)}", query={"mode": "ro", "uri": "true"})
    return sqlalchemy.URL.create(
        DRIVERS.get(found.kind, found.kind),
        username=found.login or None,
        password=found.password.get_secret_value() or None,
        host=found.host or None,
        port=found.port,
        database=found.database or None,
        query={name: value for name, value in found.extra.items() if name in OPTIONS},
    )


def _message(error: Exception) -> str:
    """The first line of what the database says."""
    return str(getattr(error, "orig", None) or type(error).__name__).strip().partition("\n")[0][:200]


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
