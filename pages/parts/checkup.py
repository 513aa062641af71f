"""What `doctor` says of this machine, asked in a process of its own: its questions import torch, which stays out of the web server."""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from threading import Lock
from typing import NamedTuple

import streamlit as st

from prune_core.service.starting import environment

from .stored import store

LONGEST = 120.0


class Finding(NamedTuple):
    """One thing that was looked at; `remedy` says what to do about it, and is empty where it works."""

    what: str
    found: str
    remedy: str


class Answer(NamedTuple):
    """What was found, and when; `going`: whether someone is asking again at this moment."""

    findings: tuple[Finding, ...] | None
    at: datetime | None
    going: bool


class Checkup:
    """The last answer and the process that looks for the next one: one at a time, whoever asks."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.process: subprocess.Popen[str] | None = None
        self.began = 0.0
        self.findings: tuple[Finding, ...] | None = None
        self.at: datetime | None = None

    def ask(self) -> None:
        """Begin to look, unless someone does already."""
        with self.lock:
            if self.process is None:
                command = [sys.executable, "-m", "prune_core.doctor"]
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    env=environment(store()),
                )
                self.began = time.monotonic()

    def answer(self) -> Answer:
        """What is known now; never waits."""
        with self.lock:
            if self.process is not None and time.monotonic() - self.began > LONGEST:
                self.process.kill()
                self.process.wait()
            if self.process is not None and self.process.poll() is not None:
                self.findings, self.at = read(self.process.communicate()[0]), datetime.now(UTC)
                self.process = None
            return Answer(self.findings, self.at, self.process is not None)


def read(told: str) -> tuple[Finding, ...]:
    """The findings of doctor's JSON; one that says so where there is none."""
    try:
        return tuple(Finding(str(each["what"]), str(each["found"]), str(each["remedy"])) for each in json.loads(told))
    except (ValueError, KeyError, TypeError):
        return (Finding("doctor", "did not answer", "Ask on the server: python -m prune_core doctor."),)


@st.cache_resource(show_spinner=False)
def checkup() -> Checkup:
    """The one of this server."""
    return Checkup()
