"""What is attacked: a store in its own folder, our routes behind the gate, and a real server with hostile runs in it."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient

from pages.parts.gate import Gate
from pages.parts.routes import routes
from prune_core import RunSpec
from prune_core.store import Run, Store, bundles
from tests.browser.conftest import Server

from .hostile import hostile_runs

ROOT = Path(__file__).parents[3]
READ = re.compile(r"""query_params(?:\.get\(|\[)\s*["'](\w+)["']|key=["'](\w+)["'](?=[^()]*bind=)""")
HOSTS = ["localhost", "127.0.0.1", "*.example.org"]

SECRETS = {
    "HF_TOKEN": "hf_secret_of_the_test",
    "AWS_SECRET_ACCESS_KEY": "aws/secret+of+the+test",
    "ESPALIER_TEST": "a variable of the test",
}

Client = Callable[..., TestClient]


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    """A store with nothing in it."""
    monkeypatch.setattr(bundles, "EXAMPLES", tmp_path / "none")
    return Store.open(tmp_path / "home")


@pytest.fixture
def example(store) -> Run:
    """A run of the store with masks and weights."""
    (run,) = store.import_runs(ROOT / "assets" / "examples" / "snip-95-mnist.zip")
    return run


@pytest.fixture
def client(store) -> Client:
    """Our routes and the gate as app.py puts them together, without Streamlit: client(password=...)."""

    def make(**gate: Any) -> TestClient:
        async def echo(websocket: Any) -> None:
            await websocket.accept()
            await websocket.send_text("in")
            await websocket.close()

        here = [*routes(ROOT / "assets", lambda: store), WebSocketRoute("/_stcore/stream", echo), Route("/", lambda request: None)]
        app = Starlette(routes=here, middleware=[Middleware(Gate, hosts=lambda: HOSTS, **gate)])
        return TestClient(app, base_url="http://localhost", client=("127.0.0.1", 1), raise_server_exceptions=False)

    return make


class Front(Server):
    """A real server over a store in which hostile people left their runs."""

    finished: str
    failed: str


@pytest.fixture(scope="package")
def front(tmp_path_factory) -> Iterator[Front]:
    home = tmp_path_factory.mktemp("attacked") / "house-of-secrets"
    data = home / "data-of-secrets"
    data.mkdir(parents=True)
    (data / "FashionMNIST").write_text("a file where the folder belongs: neither found nor downloaded")
    home.chmod(0o700)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {**SECRETS, "ESPALIER_DATA": str(data)}.items():
            environment.setenv(name, value)
        server = Front(home)
        server.finished, server.failed = hostile_runs(server.store)
        yield server
        server.stop()


@pytest.fixture
def run(store):
    return store.submit(RunSpec())


@pytest.fixture(scope="session")
def parameters() -> frozenset[str]:
    """Every name that some page reads from the address."""
    sources = [path.read_text() for path in (ROOT / "pages").rglob("*.py")]
    found = {name for source in sources for match in READ.finditer(source) for name in match.groups() if name}
    assert {"run", "search", "state"} <= found
    return frozenset(found | {"model", "dataset", "criterion", "protocol", "sparsity", "seed", "epochs", "lr", "sal_data", "sal_criterion"})


def dealt(parameters: Iterable[str], payloads: Sequence[str], turn: int = 0) -> dict[str, str]:
    """An address in which every parameter carries one of the payloads; another turn deals them out differently."""
    return {name: payloads[(n + turn) % len(payloads)] for n, name in enumerate(sorted(parameters))}
