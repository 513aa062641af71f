"""Who may start runs: this machine alone unless somebody chose one of three ways; foreign names and foreign pages are refused everywhere."""

import base64
import json
import os
import subprocess
import sys
from http.client import HTTPConnection

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from pages.parts.gate import answers_to, is_local, is_of_ours, refusal_to_start

from .conftest import HOSTS, ROOT

OUTSIDE = ("0.0.0.0", "::", "", None, "192.168.1.20", "example.org", "127.0.0.1.example.org")
FOREIGN_HOSTS = (
    "evil.example",
    "localhost.evil.example",
    "evil@localhost",
    "localhost:x",
    "example.org",
    "",
    "127.0.0.1/x",
    "[::1",
    "169.254.169.254",
)
FOREIGN_ORIGINS = (
    "https://evil.example", "http://localhost.evil.example", "http://localhost:1", "http://127.0.0.1:1", "https://127.0.0.1", "null", "file://", "",
    "http://0.0.0.0:{port}", "http://127.0.0.1:{port}.evil.example", "http://127.0.0.1:{port}@evil.example", "ftp://127.0.0.1:{port}", "127.0.0.1:{port}",
)  # fmt: skip
ROUTES = (
    "/",
    "/prune",
    "/healthz",
    "/download/x/y",
    "/assets/page.css",
    "/_stcore/health",
    "/_stcore/host-config",
    "/media/x",
    "/_stcore/upload_file/x/y",
)
UPGRADE = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}


def basic(password, name="anyone"):
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def status(front, path, method="GET", **headers):
    connection = HTTPConnection("127.0.0.1", front.port, timeout=30)
    connection.putrequest(method, path, skip_host="host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    connection.close()
    return answer.status


class TestTheRealServer:
    @pytest.mark.parametrize("host", FOREIGN_HOSTS)
    def test_answers_to_no_foreign_name(self, front, host):
        assert {path: status(front, path, host=host) for path in ROUTES} == dict.fromkeys(ROUTES, 421)
        assert status(front, "/_stcore/stream", host=host, **UPGRADE) == 403

    @pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
    def test_answers_to_no_page_of_another_site(self, front, origin):
        told = origin.format(port=front.port)
        assert {path: status(front, path, origin=told) for path in ROUTES} == dict.fromkeys(ROUTES, 403)
        assert status(front, "/_stcore/upload_file/x/y", method="PUT", origin=told) == 403
        assert status(front, "/_stcore/stream", origin=told, **UPGRADE) == 403

    def test_answers_to_its_own_pages(self, front):
        told = f"http://127.0.0.1:{front.port}"
        assert status(front, "/healthz", origin=told) == 200
        assert status(front, "/_stcore/stream", origin=told, **UPGRADE) == 101

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT"])
    def test_our_own_routes_only_ever_read(self, front, method):
        for path in ("/healthz", f"/download/{front.finished}/history.csv", "/assets/page.css"):
            assert status(front, path, method=method) in (400, 404, 405)
        assert front.store.run(front.finished).state == "finished"

    def test_uploads_of_no_session_are_refused(self, front):
        assert status(front, "/_stcore/upload_file/nobody/x", method="PUT", **{"content-length": "0"}) in (400, 403)

    def test_refuses_to_listen_on_every_interface_before_it_listens(self, tmp_path):
        done = start(tmp_path, "--server.address", "0.0.0.0")
        assert done.returncode != 0
        assert all(way in done.stdout + done.stderr for way in ("ESPALIER_PASSWORD", "OpenID Connect", "ESPALIER_OPEN=yes"))
        assert "Traceback" not in done.stdout + done.stderr
        assert not (tmp_path / "home").exists()


def start(home, *options):
    """The front door, started as a person starts it, until it refuses."""
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true", "--server.port", "0", *options]
    environment = {"PATH": os.defpath, "HOME": str(home), "ESPALIER_HOME": str(home / "home")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


class TestTheGate:
    @pytest.mark.parametrize("address", OUTSIDE)
    def test_another_interface_is_refused_naming_the_three_ways(self, address):
        assert not is_local(address)
        reason = refusal_to_start(address, guarded=False)
        assert all(way in reason for way in ("ESPALIER_PASSWORD", "OpenID Connect", "ESPALIER_OPEN=yes"))
        assert refusal_to_start(address, guarded=True) is None

    @pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "127.8.8.8", "::ffff:127.0.0.1", "unix:///tmp/espalier"])
    def test_this_machine_alone_needs_no_password(self, address):
        assert refusal_to_start(address, guarded=False) is None

    def test_a_request_from_elsewhere_is_refused_whoever_started_the_server(self, client):
        outside = TestClient(client().app, base_url="http://192.168.1.20")
        assert outside.get("/healthz").status_code == 403

    @pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8501", "127.0.0.1:80", "a.example.org.", "localhost."])
    def test_names_of_the_list_are_answered_with_any_port(self, host):
        assert answers_to(host, HOSTS)

    @pytest.mark.parametrize(
        ("origin", "host", "ours"),
        [
            (None, "localhost:8501", True), ("http://localhost:8501", "localhost:8501", True), ("https://A.example.org", "a.example.org", True),
            ("https://proxy.example", "localhost:8501", True), ("https://proxy.example:444", "localhost:8501", False), ("http://[::1", "[::1", False),
            ("http://localhost:8502", "localhost:8501", False), ("http://localhost", "", False),
        ],
    )  # fmt: skip
    def test_a_page_is_ours_on_this_very_host_and_port_or_where_it_was_allowed(self, origin, host, ours):
        assert is_of_ours(origin, host, ["https://proxy.example"]) is ours

    def test_the_password_is_asked_of_pages_and_websocket_alike(self, client):
        inside = client(password="pruning shears", guarded=True)
        for headers in ({}, basic("Pruning shears"), basic(""), {"authorization": "Basic !"}, {"authorization": "Bearer pruning shears"}):
            answer = inside.get("/assets/page.css", headers=headers)
            assert answer.status_code == 401
            assert "pruning" not in answer.text
            with pytest.raises(WebSocketDisconnect), inside.websocket_connect("ws://localhost/_stcore/stream", headers=headers):
                pass
        assert inside.get("/assets/page.css", headers=basic("pruning shears")).status_code == 200
        with inside.websocket_connect("ws://localhost/_stcore/stream", headers=basic("pruning shears")) as stream:
            assert stream.receive_text() == "in"

    def test_a_password_may_have_any_letters_and_colons(self, client):
        inside = client(password="schön:geschnitten", guarded=True)
        assert inside.get("/assets/page.css", headers=basic("schön:geschnitten")).status_code == 200

    def test_there_is_no_password_by_default_and_none_that_is_empty(self, client):
        from prune_core.settings import Settings

        assert Settings.model_fields["password"].default is None
        assert refusal_to_start("0.0.0.0", guarded=bool("")) is not None

    def test_health_needs_no_password_and_tells_no_secret(self, client, store):
        answer = client(password="pruning shears", guarded=True).get("/healthz")
        assert answer.json() == {"status": "ok", "store": "ok", "supervisor": "none", "running": 0, "queued": 0}
        assert str(store.home) not in answer.text


class TestAnswers:
    @pytest.mark.parametrize("path", ["/healthz", "/assets/page.css", "/assets/plotly.min.js", "/download/x/y", "/nothing"])
    def test_every_answer_carries_the_security_headers(self, client, path):
        headers = client().get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-resource-policy"] == "same-origin"

    def test_a_refusal_carries_them_too(self, client):
        assert "content-security-policy" in client().get("/", headers={"host": "evil.example"}).headers

    def test_plotly_comes_from_here_and_is_kept_by_the_browser(self, client):
        answer = client().get("/assets/plotly.min.js")
        assert answer.status_code == 200
        assert len(answer.content) > 1_000_000
        assert "max-age" in answer.headers["cache-control"]
        again = client().get("/assets/plotly.min.js", headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304

    def test_a_store_that_cannot_be_read_is_said_without_its_path(self, client, store):
        store.close()
        (store.home / "espalier.db").write_bytes(b"no database at all" * 100)
        answer = client().get("/healthz")
        assert answer.status_code == 503
        assert json.loads(answer.text)["status"] == "failing"
        assert str(store.home) not in answer.text
