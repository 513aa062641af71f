"""The schema: made, upgraded, refused in words; safe when several processes open a store at once."""

import multiprocessing
import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from prune_core.spec import RunSpec
from prune_core.store import Store, StoreError, upgrade
from prune_core.store.tables import METADATA


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(tmp_path):
    store = Store.open(tmp_path)
    with store.database.reading() as connection:
        found = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(found, METADATA) == []
        assert upgrade.version(connection) == upgrade.HEAD


def test_the_newest_migration_is_the_one_that_opening_looks_for():
    revisions = sorted(path.name[:4] for path in (upgrade.MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert revisions[-1] == upgrade.HEAD


def test_a_store_is_found_again_as_it_was(tmp_path):
    run = Store.open(tmp_path).submit(RunSpec(), name="kept")
    assert Store.open(tmp_path).run(run.id) == run


def test_a_newer_store_is_refused_in_words_and_left_alone(tmp_path):
    run = Store.open(tmp_path).submit(RunSpec())
    with sqlite3.connect(tmp_path / "espalier.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"made by a newer Espalier: its schema is 9999, this version knows up to 0002\. Update"):
        Store.open(tmp_path)
    with sqlite3.connect(tmp_path / "espalier.db") as database:
        assert database.execute("SELECT id, state FROM runs WHERE state = 'queued'").fetchall() == [(run.id, "queued")]
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path):
    (tmp_path / "espalier.db").write_bytes(b"nothing of the kind" * 1000)
    with pytest.raises(StoreError, match=r"database is damaged .*python -m prune_core repair") as refused:
        Store.open(tmp_path)
    assert "\n" not in str(refused.value)
    assert (tmp_path / "espalier.db").read_bytes().startswith(b"nothing of the kind")


def test_an_upgrade_that_is_interrupted_is_undone_and_made_anew(tmp_path, monkeypatch):
    from prune_core.store import bundles

    def interrupt(*_: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(bundles, "load_examples", interrupt)
        with pytest.raises(InterruptedError):
            Store.open(tmp_path)
    with sqlite3.connect(tmp_path / "espalier.db") as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == []
    assert Store.open(tmp_path).queue_length() == 0


def test_many_processes_may_open_a_new_store_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    openers = [context.Process(target=open_and_submit, args=(tmp_path / "home", seed)) for seed in range(4)]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()
    assert [opener.exitcode for opener in openers] == [0] * 4
    assert sorted(run.spec.seed for run in Store.open(tmp_path / "home").runs(states=["queued"])) == [0, 1, 2, 3]


def open_and_submit(home, seed):
    Store.open(home).submit(RunSpec(seed=seed))
