"""Who may come in, and what nobody gets: the attacks of the front door, each with its payload."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from pages.parts.gate import Gate, answers_to, is_local, refusal_to_start
from pages.parts.routes import routes
from prune_core import RunSpec
from prune_core.store import Store

ROOT = Path(__file__).parents[2]
HOSTS = ["localhost", "127.0.0.1", "*.example.org"]
OUTSIDE = ("0.0.0.0", "::", "", None, "192.168.1.20", "example.org", "127.0.0.1.example.org")


async def echo(websocket):
    await websocket.accept()
    await websocket.send_text("in")
    await websocket.close()


def client(store, **gate):
    app = Starlette(
        routes=[*routes(ROOT / "assets", lambda: store), WebSocketRoute("/_stcore/stream", echo), Route("/", lambda request: None)],
        middleware=[Middleware(Gate, hosts=lambda: HOSTS, **gate)],
    )
    return TestClient(app, base_url="http://localhost", client=("127.0.0.1", 1), raise_server_exceptions=False)


@pytest.fixture
def store(tmp_path):
    return Store.open(tmp_path / "home")


def basic(password, name="anyone"):
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


class TestPaths:
    @pytest.mark.parametrize(
        "path",
        [
            "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%252e%252e%252fetc%252fpasswd", "..\\..\\espalier.db", "/etc/passwd",
            "C:/Windows/win.ini", "espalier.db", "x/../../espalier.db", "%00", "a" * 4096, "", "/", "run/masks-0001.safetensors", "{id}", "{id}/",
            "{id}/../../espalier.db",
            "{id}/..%2f..%2fespalier.db",
            "{id}/espalier.db", "{id}/run.log", "{id}/history.csv/..",
            "{id}/history.csv%00.png", "{id}/%2e%2e/", "{id}x/history.csv",
        ],
    )  # fmt: skip
    def test_nothing_but_a_run_s_own_files_is_served(self, store, path):
        run = store.submit(RunSpec())
        answer = client(store).get("/download/" + path.replace("{id}", run.id))
        assert answer.status_code == 404
        assert "SQLite" not in answer.text
        assert "root:" not in answer.text
        assert str(store.home) not in answer.text

    def test_a_link_in_the_store_s_folder_leads_nowhere(self, store):
        run = store.submit(RunSpec())
        folder = store.folder(run.id)
        folder.mkdir(parents=True)
        (folder / "weights.safetensors").symlink_to("/etc/passwd")
        assert client(store).get(f"/download/{run.id}/weights.safetensors").status_code == 404

    def test_a_run_s_history_comes_as_a_file(self, store):
        example = next(r for r in store.runs(states=["finished"]) if r.spec.protocol != "score")
        answer = client(store).get(f"/download/{example.id}/history.csv")
        assert answer.status_code == 200
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert answer.text.startswith("event,epoch,part")
        masks = next(f.name for f in store.files(example.id) if f.kind == "masks")
        assert client(store).get(f"/download/{example.id}/{masks}").content == store.path(example.id, masks).read_bytes()

    @pytest.mark.parametrize("path", ["../app.py", "..%2fapp.py", "%2e%2e/pyproject.toml", "/etc/passwd", "examples/../../app.py"])
    def test_assets_stay_in_their_folder(self, store, path):
        assert client(store).get(f"/assets/{path}").status_code == 404


class TestWhoMayComeIn:
    @pytest.mark.parametrize("address", OUTSIDE)
    def test_another_interface_is_refused_naming_the_three_ways(self, address):
        assert not is_local(address)
        reason = refusal_to_start(address, guarded=False)
        assert all(way in reason for way in ("ESPALIER_PASSWORD", "OpenID Connect", "ESPALIER_OPEN=yes"))
        assert refusal_to_start(address, guarded=True) is None

    @pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "127.8.8.8", "::ffff:127.0.0.1", "unix:///tmp/espalier"])
    def test_this_machine_alone_needs_no_password(self, address):
        assert refusal_to_start(address, guarded=False) is None

    def test_the_server_itself_refuses_before_it_listens(self, tmp_path):
        done = start(tmp_path, "--server.address", "0.0.0.0")
        assert done.returncode != 0
        assert "ESPALIER_PASSWORD" in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr

    def test_a_request_from_elsewhere_is_refused_whoever_started_the_server(self, store):
        outside = TestClient(client(store).app, base_url="http://192.168.1.20")
        assert outside.get("/healthz").status_code == 403

    @pytest.mark.parametrize(
        "host", ["evil.example", "localhost.evil.example", "evil@localhost", "localhost:x", "example.org", "", "127.0.0.1/x", "[::1"]
    )
    def test_foreign_names_are_refused_on_our_routes_pages_and_websocket(self, store, host):
        inside = client(store)
        for path in ("/", "/healthz", "/download/x/y", "/assets/page.css"):
            assert inside.get(path, headers={"host": host}).status_code == 421
        with pytest.raises(WebSocketDisconnect), inside.websocket_connect("ws://localhost/_stcore/stream", headers={"host": host}):
            pass

    @pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8501", "127.0.0.1:80", "a.example.org.", "localhost."])
    def test_names_of_the_list_are_answered_with_any_port(self, host):
        assert answers_to(host, HOSTS)

    def test_the_password_is_asked_of_pages_and_websocket_alike(self, store):
        inside = client(store, password="pruning shears", guarded=True)
        for headers in ({}, basic("Pruning shears"), basic(""), {"authorization": "Basic !"}, {"authorization": "Bearer pruning shears"}):
            answer = inside.get("/assets/page.css", headers=headers)
            assert answer.status_code == 401
            assert "pruning" not in answer.text
            with pytest.raises(WebSocketDisconnect), inside.websocket_connect("ws://localhost/_stcore/stream", headers=headers):
                pass
        assert inside.get("/assets/page.css", headers=basic("pruning shears")).status_code == 200
        with inside.websocket_connect("ws://localhost/_stcore/stream", headers=basic("pruning shears")) as stream:
            assert stream.receive_text() == "in"

    def test_a_password_may_have_any_letters_and_colons(self, store):
        inside = client(store, password="schön:geschnitten", guarded=True)
        assert inside.get("/assets/page.css", headers=basic("schön:geschnitten")).status_code == 200

    def test_health_needs_no_password_and_tells_no_secret(self, store):
        answer = client(store, password="pruning shears", guarded=True).get("/healthz")
        assert answer.json() == {"status": "ok", "store": "ok", "supervisor": "none", "running": 0, "queued": 0}
        assert str(store.home) not in answer.text


class TestAnswers:
    @pytest.mark.parametrize("path", ["/healthz", "/assets/page.css", "/assets/plotly.min.js", "/download/x/y", "/nothing"])
    def test_every_answer_carries_the_security_headers(self, store, path):
        headers = client(store).get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"

    def test_a_refusal_carries_them_too(self, store):
        assert "content-security-policy" in client(store).get("/", headers={"host": "evil.example"}).headers

    def test_plotly_comes_from_here_and_is_kept_by_the_browser(self, store):
        answer = client(store).get("/assets/plotly.min.js")
        assert answer.status_code == 200
        assert len(answer.content) > 1_000_000
        assert "max-age" in answer.headers["cache-control"]
        again = client(store).get("/assets/plotly.min.js", headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304

    def test_a_store_that_cannot_be_read_is_said_without_its_path(self, store):
        store.close()
        (store.home / "espalier.db").write_bytes(b"no database at all" * 100)
        answer = client(store).get("/healthz")
        assert answer.status_code == 503
        assert json.loads(answer.text)["status"] == "failing"
        assert str(store.home) not in answer.text


def start(home, *options):
    """The front door, started as a person starts it, until it refuses."""
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true", "--server.port", "0", *options]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "ESPALIER_HOME": str(home / "home")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
