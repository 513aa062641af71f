"""The schema of a store, brought up to what this version needs."""

from pathlib import Path
from threading import Lock

from sqlalchemy import Connection, inspect, text

from .records import StoreError

HEAD = "0002"
MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATING = Lock()


def version(connection: Connection) -> str | None:
    """The revision that the database is at; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(connection: Connection) -> bool:
    """Run the migrations that are missing, inside the connection's transaction. True for a database that was empty.

    Raises StoreError for a store that a newer version has made.
    """
    found = version(connection)
    if found == HEAD:
        return False
    if found is not None and found > HEAD:
        raise StoreError(
            f"This store was made by a newer Espalier: its schema is {found}, this version knows up to {HEAD}. "
            "Update Espalier, or set ESPALIER_HOME to another folder."
        )
    migrate(connection, "head")
    return found is None


def migrate(connection: Connection, target: str) -> None:
    """Run migrations up to a revision, one thread at a time: Alembic keeps what it works on in global variables."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    with MIGRATING:
        command.upgrade(config, target)
