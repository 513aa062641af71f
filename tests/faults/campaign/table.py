"""The classes of fault: one line each."""

from collections.abc import Callable
from typing import NamedTuple

from . import databases, disks, files, supervisors, workers
from .scene import Scene


class Fault(NamedTuple):
    """What is done, and how many of it are among the fast ones: those that start interpreters and servers are few."""

    name: str
    inject: Callable[[Scene], None]
    fast: int


FAULTS = (
    Fault("worker: SIGKILL", workers.killed, 24),
    Fault("worker: SIGTERM", workers.asked_to_end, 14),
    Fault("worker: SIGSTOP", workers.stopped, 8),
    Fault("worker: out of memory", workers.out_of_memory, 16),
    Fault("worker: exception", workers.exception, 16),
    Fault("worker: loss is not a number", workers.not_a_number, 12),
    Fault("worker: wakes up after its attempt", workers.late_worker, 8),
    Fault("worker: two claim one run", workers.two_for_one_run, 8),
    Fault("supervisor: SIGKILL", supervisors.killed, 1),
    Fault("supervisor: two at once", supervisors.two_at_once, 1),
    Fault("supervisor: wakes up after its lease", supervisors.late_lease, 8),
    Fault("supervisor: lease and run raced for", supervisors.leases_raced_for, 24),
    Fault("web server: SIGKILL", supervisors.web_server_killed, 1),
    Fault("web server: browser closed", supervisors.browser_closed, 1),
    Fault("everything: SIGKILL", supervisors.everything_killed, 1),
    Fault("disk: full", disks.full, 6),
    Fault("disk: folder read-only", disks.not_writable, 8),
    Fault("disk: write error", disks.failing_write, 12),
    Fault("database: locked", databases.locked, 6),
    Fault("database: truncated", databases.truncated, 8),
    Fault("database: page flipped", databases.page_flipped, 10),
    Fault("database: log of writes removed", databases.wal_removed, 4),
    Fault("database: nonsense in a row", databases.nonsense_in_rows, 14),
    Fault("database: upgrade interrupted", databases.upgrade_interrupted, 12),
    Fault("checkpoint: truncated", files.checkpoint_cut, 10),
    Fault("checkpoint: bit flipped", files.checkpoint_flipped, 10),
    Fault("checkpoint: another run's", files.checkpoint_exchanged, 5),
    Fault("checkpoint: killed while written", files.checkpoint_half_written, 10),
    Fault("file: masks, weights or scores damaged", files.result_damaged, 18),
    Fault("file: folder missing", files.folder_missing, 10),
    Fault("file: import interrupted", disks.import_interrupted, 14),
    Fault("clock: stepped by an hour", workers.clock_stepped, 10),
)
BY_NAME = {fault.name: fault for fault in FAULTS}
