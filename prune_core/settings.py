"""Configuration from the environment: every variable of the README's table, in one place."""

import os
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read once a process; all fields are optional and named ESPALIER_<FIELD> in the environment."""

    model_config = SettingsConfigDict(env_prefix="ESPALIER_", frozen=True, extra="ignore")

    home: Path = Field(Path.home() / ".espalier", description="Folder of the database, files, logs and caches.")
    data: Path | None = Field(None, description="Folder of the data sets, in torchvision's layout. Default: inside the home folder.")
    database_url: str | None = Field(None, description="Another database than SQLite in the home folder.")
    ray_address: str | None = Field(None, description="A Ray cluster that runs are sent to. Reserved: no executor reads it yet.")
    slots: int | None = Field(None, ge=1, le=1024, description="Runs at the same time. Default: min(4, cores).")
    queue: int = Field(5_000, ge=1, le=1_000_000, description="Runs that may wait at the same time; more are refused.")
    memory: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Gigabytes that one run may take. Default: nine tenths of the machine's, shared among the slots.",
    )
    plugins: Path | None = Field(None, description="A Python file of additional methods. Reserved: nothing reads it yet.")
    password: str | None = Field(None, description="Shared password, needed (or OPEN) to listen on another interface than localhost.")
    open: Literal["yes", "no"] = Field(
        "no", description="'yes': another interface without a password, for those who put their own proxy in front."
    )

    @property
    def data_folder(self) -> Path:
        return self.data or self.home / "data"

    @property
    def slot_count(self) -> int:
        return self.slots or min(4, cores())

    @property
    def threads(self) -> int:
        """Threads of one run: the cores shared among the slots."""
        return max(1, cores() // self.slot_count)


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings()
