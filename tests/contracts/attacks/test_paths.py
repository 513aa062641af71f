"""Paths: nothing that comes from outside ever becomes one, on our routes, on Streamlit's, in addresses of pages, names of files and ids."""

from http.client import HTTPConnection

import numpy as np
import pytest

from prune_core.store import NoSuchRun, StoreError, queue
from prune_core.store.lease import lease, take
from tests.page_table import page_table
from tests.visit import visit

from .conftest import dealt
from .hostile import SUPERVISOR, strings

PATHS = {
    "up": "../../../../../../etc/passwd",
    "up, backslashes": "..\\..\\..\\..\\etc\\passwd",
    "percent": "..%2f..%2f..%2f..%2fetc%2fpasswd",
    "percent dots": "%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "percent twice": "%252e%252e%252f%252e%252e%252fetc%252fpasswd",
    "overlong UTF-8": "..%c0%af..%c0%afetc%c0%afpasswd",
    "absolute": "/etc/passwd",
    "absolute, percent": "%2fetc%2fpasswd",
    "drive letter": "C:/Windows/win.ini",
    "UNC": "//evil.example/share/x",
    "file address": "file:///etc/passwd",
    "NUL": "espalier.db%00.png",
    "the database": "espalier.db",
    "a sibling prefix": "runs_secret/key",
    "4,096 bytes": "a" * 4096,
    "a log": "logs/supervisor.log",
}
ROUTES = (
    "download/",
    "download/{id}/",
    "assets/",
    "static/",
    "app/static/",
    "media/",
    "component/",
    "_stcore/bidi-components/",
    "_stcore/upload_file/",
    "",
)
SECRET = b"what nobody may read"


@pytest.fixture(scope="module")
def asked(front):
    """Bytes that the server answers to exactly this path, as it stands: no client tidies it on its way."""
    (front.home / "runs_secret").mkdir()
    (front.home / "runs_secret" / "key").write_bytes(SECRET)

    def ask(path: str) -> bytes:
        connection = HTTPConnection("127.0.0.1", front.port, timeout=30)
        connection.putrequest("GET", "/" + path, skip_accept_encoding=True)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return b"" if answer.status in (400, 404) else body

    return ask


@pytest.mark.parametrize("payload", PATHS)
def test_the_real_server_gives_away_nothing_but_its_own_files(front, asked, payload):
    for route in ROUTES:
        body = asked(route.replace("{id}", front.finished) + PATHS[payload].replace("\\", "%5c"))
        assert b"root:" not in body
        assert SECRET not in body
        assert b"SQLite format" not in body
        assert str(front.home).encode() not in body


@pytest.mark.parametrize(
    "name", ["espalier.db", "run.log", "history.csv/..", "history.csv%00.png", "%2e%2e/", "../../espalier.db", "..%2f..%2fespalier.db", ""]
)
def test_a_run_gives_only_its_own_files(asked, front, name):
    assert asked(f"download/{front.finished}/{name}") == b""
    assert asked(f"download/{front.finished}x/history.csv") == b""
    assert asked(f"download/{front.finished}/history.csv").startswith(b"event,epoch,part")


def test_a_run_s_files_come_as_they_lie_in_the_store(client, store, example):
    masks = next(f.name for f in store.files(example.id) if f.kind == "masks")
    assert client().get(f"/download/{example.id}/{masks}").content == store.path(example.id, masks).read_bytes()


@pytest.mark.parametrize("path", ["../app.py", "..%2fapp.py", "%2e%2e/pyproject.toml", "/etc/passwd", "examples/../../app.py"])
def test_assets_stay_in_their_folder(client, path):
    assert client().get(f"/assets/{path}").status_code == 404


def test_a_link_in_the_store_s_folder_leads_nowhere(client, store, run):
    folder = store.folder(run.id)
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").symlink_to("/etc/passwd")
    assert client().get(f"/download/{run.id}/weights.safetensors").status_code == 404


def test_a_file_that_was_exchanged_for_a_link_is_not_followed(store, run, tmp_path):
    assert take(store, SUPERVISOR, lease(store))
    claim = queue.claim(store, SUPERVISOR, 1)
    store.attempt(run.id, claim.attempt).files.save("weights.safetensors", {"w": np.zeros(2)}, {})
    path = store.path(run.id, "weights.safetensors")
    (tmp_path / "elsewhere").write_bytes(b"0" * path.stat().st_size)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="damaged"):
        store.path(run.id, "weights.safetensors")


@pytest.mark.parametrize("payload", [*PATHS.values(), "\0", "\udcff", "x'; DROP TABLE runs; --"], ids=ascii)
def test_ids_and_names_of_files_are_looked_up_and_never_joined(store, run, payload):
    for ask in (store.run, store.events, store.files, store.history, store.delete, store.request_cancel, store.attempts):
        with pytest.raises(NoSuchRun):
            ask(payload)
    for ask in (store.path, store.tensors, store.metadata):
        with pytest.raises(StoreError):
            ask(run.id, payload)
    assert store.run(run.id) == run


@pytest.mark.parametrize(
    "name",
    ["../evil.safetensors", "/tmp/evil.safetensors", "a/b.safetensors", "evil.pkl", "c:\\e.safetensors", "e.safetensors\0", "x" * 200],
)
def test_a_worker_writes_into_its_own_folder_alone(store, run, name, tmp_path):
    assert take(store, SUPERVISOR, lease(store))
    claim = queue.claim(store, SUPERVISOR, 1)
    with pytest.raises(StoreError, match="is no name for a file"):
        store.attempt(run.id, claim.attempt).files.save(name, {"w": np.zeros(2)}, {})
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("entry", page_table(), ids=lambda entry: entry.title)
def test_addresses_of_pages_lead_to_no_file(front, entry, parameters):
    payloads = ("../../../../etc/passwd", "..%2f..%2fespalier.db", "a" * 4096, "\0")
    for turn in (0, 2):
        answer = visit(front.port, entry.path, dealt(parameters, payloads, turn))
        assert answer.errors == []
        said = "\n".join(text for message in answer.messages for _, text in strings(message))
        assert "root:" not in said
        assert str(front.home) not in said
