"""A visitor without a browser: opens pages over the server's own websocket, hears everything that it says, and times the answer."""

import time
from typing import NamedTuple
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

PATIENCE = 120.0


class Answer(NamedTuple):
    """A page as the server said it. `seconds`: from asking until the script had run. `errors`: exceptions that the page shows."""

    seconds: float
    messages: tuple[ForwardMsg, ...]

    @property
    def deltas(self) -> tuple[ForwardMsg, ...]:
        return tuple(m for m in self.messages if m.WhichOneof("type") == "delta")

    @property
    def errors(self) -> list[str]:
        shown = [m.delta.new_element for m in self.deltas if m.delta.WhichOneof("type") == "new_element"]
        return [e.exception.message for e in shown if e.WhichOneof("type") == "exception"]


def visit(port: int, path: str, query: dict[str, str] | None = None) -> Answer:
    """A new visitor's first look at a page; `path` is "" for the first one."""
    host = f"127.0.0.1:{port}"
    ask = BackMsg()
    ask.rerun_script.query_string = urlencode(query or {})
    ask.rerun_script.page_name = path
    ask.rerun_script.context_info.timezone = "UTC"
    messages = []
    with connect(f"ws://{host}/_stcore/stream", subprotocols=["streamlit"], origin=f"http://{host}", max_size=None) as stream:
        began = time.perf_counter()
        stream.send(ask.SerializeToString())
        while True:
            message = ForwardMsg()
            message.ParseFromString(stream.recv(timeout=PATIENCE))
            messages.append(message)
            if message.WhichOneof("type") == "script_finished" and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                return Answer(time.perf_counter() - began, tuple(messages))
