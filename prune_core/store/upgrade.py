"""The schema of a store, brought up to what this version needs."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from .records import StoreError

HEAD = "0002"
MIGRATIONS = Path(__file__).parent / "migrations"


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
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return found is None
