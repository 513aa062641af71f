"""The web server in a process of its own, and a visitor who speaks Streamlit's protocol: what a page says, without a browser."""

import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import Self
from urllib.request import urlopen

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from prune_core.store import Run

from .scene import DEADLINE, ROOT, Scene, patience, until

RESTARTED_SECONDS = 5.0
WORDS = {"queued": "Queued", "running": "Running", "finished": "Finished", "failed": "Failed", "cancelled": "Cancelled"}


class Server:
    """The front door over the scene's home; its own supervisor carries out the runs."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(self.port)]
        with (self.scene.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.scene.environment(), stdout=log, stderr=log, start_new_session=True)
        until(self.answers, "the web server to answer", DEADLINE)

    def answers(self) -> bool:
        with suppress(OSError), urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def shows_the_truth(self, run: Run) -> None:
        """The page of the run says within five seconds what the store says."""
        began = time.monotonic()
        with Visitor(self, f"/run?run={run.id}") as visitor:
            until(
                lambda: WORDS[self.scene.store.run(run.id).state] in visitor.reads(),
                f"the page to say the state of the run; it says {visitor.text[-2000:]!r}",
                DEADLINE,
            )
        seconds = time.monotonic() - began
        self.scene.note = f"true after {seconds:.1f} s"
        if seconds > patience(RESTARTED_SECONDS):
            self.scene.found.append(f"a restarted server showed the true state after {seconds:.1f} s")


class Visitor:
    """Someone with a page open."""

    def __init__(self, server: Server, path: str) -> None:
        page, _, query = path.lstrip("/").partition("?")
        self.text = ""
        self.socket: ClientConnection = connect(
            f"ws://127.0.0.1:{server.port}/_stcore/stream",
            origin=f"http://127.0.0.1:{server.port}",
            subprotocols=["streamlit"],
            max_size=None,
        )
        ask = BackMsg()
        ask.rerun_script.query_string = query
        ask.rerun_script.page_name = page
        self.socket.send(ask.SerializeToString())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()

    def reads(self) -> str:
        """Everything that the server has sent by now, as one text."""
        with suppress(TimeoutError, WebSocketException):
            while True:
                data = self.socket.recv(timeout=0.1)
                message = ForwardMsg()
                message.ParseFromString(data if isinstance(data, bytes) else data.encode())
                self.text += str(message)
        return self.text

    def drop(self) -> None:
        """Gone without a word, as when the machine is shut."""
        self.socket.socket.close()
