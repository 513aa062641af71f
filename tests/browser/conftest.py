"""A real server and a real browser. Find by role and label, wait for a state and never for seconds."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.request import urlopen

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from prune_core.store import Store

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DEADLINE = 60.0
WAIT = 45_000  # milliseconds that the browser waits for a state, on a machine with other work


def until(ask: Callable[[], T], what: str) -> T:
    """The first answer that counts as true; a failure in words if none comes in time."""
    end = time.monotonic() + DEADLINE
    while not (answer := ask()):
        assert time.monotonic() < end, f"waited {DEADLINE:.0f} s in vain: {what}"
        time.sleep(0.05)
    return answer


class Server:
    """The front door in a process of its own, over a home of its own, on one port for good."""

    def __init__(self, home: Path) -> None:
        self.home, self.log = home, home / "server.log"
        home.mkdir(parents=True, exist_ok=True)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()
        self.store = Store.open(home)

    def start(self) -> None:
        """Start it as a person does, and wait until it answers."""
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(self.port)]
        env = {**os.environ, "ESPALIER_HOME": str(self.home), "ESPALIER_SLOTS": "2", "OMP_NUM_THREADS": "1"}
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True)
        until(self.answers, f"the server to answer; it said: {self.log.read_text()[-2000:]}")

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        with suppress(OSError), urlopen(f"{self.url}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def kill(self) -> None:
        """SIGKILL to the web server alone, as when the machine runs out of memory."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End the server, its runs and every supervisor of its home; one may stand by for another."""
        self.kill()
        for run in self.store.runs(states=["queued", "running"]):
            self.store.request_cancel(run.id)
        supervisors = [p for p in psutil.process_iter() if self.owns(p)]
        if supervisors:
            until(lambda: not self.store.runs(states=["queued", "running"], limit=1), "the runs to be cancelled")
        for process in supervisors:
            with suppress(psutil.Error):
                process.terminate()
        psutil.wait_procs(supervisors, timeout=10)

    def owns(self, process: psutil.Process) -> bool:
        """Whether a process works for this home, and is not the tests' own."""
        try:
            return process.pid != os.getpid() and process.environ().get("ESPALIER_HOME") == str(self.home)
        except psutil.Error:
            return False


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    """One server for all tests that leave it running."""
    server = Server(tmp_path_factory.mktemp("browser") / "home")
    yield server
    server.stop()


@pytest.fixture
def fresh_server(tmp_path) -> Iterator[Server]:
    """A server that nobody has asked anything yet, and that a test may kill."""
    server = Server(tmp_path / "home")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium: the one of CHROMIUM, else the system's, else Playwright's own."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        if not found and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium: set CHROMIUM, or `playwright install chromium`")
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


class Visitor:
    """A person with a browser window, who notices errors in the console and requests to other hosts."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context, self.url, self.noticed = context, url, list[str]()
        context.set_default_timeout(WAIT)

    def open(self, path: str) -> Page:
        """A page of ours in a new tab, when its title stands there."""
        tab = self.context.new_page()
        tab.on("console", lambda m: self.noticed.append(f"console: {m.text} {m.location.get('url')}") if m.type == "error" else None)
        tab.on("pageerror", lambda error: self.noticed.append(f"error: {error}"))
        tab.on("request", lambda r: self.noticed.append(f"asks {r.url}") if not r.url.startswith((self.url, "data:", "blob:")) else None)
        tab.goto(self.url + path)
        heading(tab)
        return tab

    @property
    def complaints(self) -> list[str]:
        """What was noticed that is ours: Streamlit itself probes the base path of a deep link, and reconnects after a restart."""
        return [
            line for line in self.noticed if not any(known in line for known in ("_stcore/health", "_stcore/host-config", "_stcore/stream"))
        ]


@pytest.fixture
def visitor(browser, server) -> Iterator[Visitor]:
    """Someone at a desk, by day, on the shared server."""
    with browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light", accept_downloads=True) as context:
        someone = Visitor(context, server.url)
        yield someone
        assert someone.complaints == []


def heading(tab: Page) -> str:
    """The title of the page, once it is there."""
    title = tab.get_by_test_id("stMain").get_by_role("heading", level=1)
    title.wait_for()
    return title.inner_text()


def says(tab: Page, words: str) -> None:
    """Wait until the page says it."""
    tab.get_by_test_id("stMain").get_by_text(words).first.wait_for()


def idle(tab: Page) -> None:
    """Wait until the script has run."""
    tab.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
