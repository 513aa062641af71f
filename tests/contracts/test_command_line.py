"""The command line, in processes of its own: what it prints, how it ends, and that nothing bad gets a traceback."""

import json
import os
import pty
import signal
import subprocess
import sys

import pytest

from prune_core import catalogue
from prune_core.service.starting import environment
from prune_core.spec import RunSpec
from prune_core.store import Store
from prune_core.store.lease import lease

QUICK = ("--set", "epochs=1", "--set", "sparsity=0.95")


@pytest.fixture
def store(tmp_path):
    return Store.open(tmp_path / "home")


@pytest.fixture
def espalier(store):
    """Call the command line on a store of its own; returns the finished process."""

    def call(*arguments, stdin=b""):
        command = [sys.executable, "-m", "prune_core", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, env=environment(store), timeout=120, check=False)

    return call


@pytest.fixture
def begin(store):
    """Start the command line and leave it running."""
    processes = []

    def call(*arguments, **options):
        processes.append(subprocess.Popen([sys.executable, "-m", "prune_core", *arguments], env=environment(store), **options))
        return processes[-1]

    yield call
    for process in processes:
        process.kill()
        process.wait()


def json_lines(output: bytes) -> list[dict]:
    return [json.loads(line) for line in output.splitlines()]


class TestRun:
    def test_prints_one_event_a_line_and_keeps_exactly_what_was_asked(self, espalier):
        done = espalier("run", *QUICK, "--set", "model=lenet_300_100", "--set", "dataset=digits", "--set", "criterion=snip", "--json")
        assert (done.returncode, done.stderr) == (0, b"")
        events = json_lines(done.stdout)
        assert [e["number"] for e in events] == list(range(len(events)))
        assert (events[0]["kind"], events[-1]["kind"]) == ("started", "finished")
        assert (events[-1]["weights_kept"], events[-1]["weights"]) == (13_310, 266_200)
        assert len(events[-1]["weights_sha256"]) == 64

    def test_speaks_json_by_itself_where_nobody_looks(self, espalier, store):
        before = store.runs()
        assert json_lines(espalier("run", *QUICK).stdout)[-1]["kind"] == "finished"
        assert store.runs() == before

    def test_shows_a_bar_and_words_on_a_terminal(self, begin):
        ours, theirs = pty.openpty()
        process = begin("run", *QUICK, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL)
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:
                break
        assert process.wait() == 0
        assert b"SNIP 95" in shown
        assert b"100%" in shown
        assert b"13,310 of 266,200" in shown
        assert b"weights_sha256" in shown

    def test_takes_a_spec_from_a_file_or_standard_input_and_sets_over_it(self, espalier, tmp_path):
        spec = RunSpec(epochs=1, criterion="magnitude").model_dump_json().encode()
        (tmp_path / "spec.json").write_bytes(spec)
        for source, stdin in ((str(tmp_path / "spec.json"), b""), ("-", spec)):
            done = espalier("run", "--spec", source, "--set", "seed=7", "--set", "criterion_options.include_bias=true", stdin=stdin)
            spec_of = json_lines(done.stdout)[0]["spec"]
            assert (spec_of["criterion"], spec_of["seed"], spec_of["criterion_options"]["include_bias"]) == ("magnitude", 7, True)

    def test_a_failed_run_is_status_1_and_one_line(self, store, tmp_path):
        env = {
            **environment(store),
            "ESPALIER_DATA": str(tmp_path / "none"),
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "HTTP_PROXY": "http://127.0.0.1:9",
        }
        command = [sys.executable, "-m", "prune_core", "run", "--set", "dataset=mnist"]
        done = subprocess.run(command, capture_output=True, env=env, timeout=120, check=False)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith(b"MNIST is not here")
        assert b"Traceback" not in done.stderr

    def test_control_c_ends_it_with_status_130_and_without_a_word(self, begin):
        # whoever runs these tests in the background ignores SIGINT, and children inherit that
        heeding = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
        process = begin("run", "--set", "epochs=10000", stdout=subprocess.PIPE, stderr=subprocess.PIPE, **heeding)
        assert b"started" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        assert errors.strip() == b""

    def test_a_reader_that_leaves_is_no_error_worth_a_traceback(self, begin):
        process = begin("run", "--set", "epochs=50", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        process.wait(timeout=60)


DEEP = b"[" * 1_000_000
BAD = {
    "an unknown criterion": (("--set", "criterion=snipp"), b"criterion: there is no 'snipp'. Did you mean 'snip'? Choices: "),
    "sparsity 1.5": (("--set", "sparsity=1.5"), b"sparsity: must be at least 0 and below 1, got 1.5."),
    "sparsity nan": (("--set", "sparsity=nan"), b"sparsity: must be at least 0 and below 1, got nan."),
    "sparsity NaN": (("--set", "sparsity=NaN"), b"sparsity: must be at least 0 and below 1, got NaN."),
    "epochs -1": (("--set", "epochs=-1"), b"epochs: must be at least 0, got -1."),
    "a misspelt field": (("--set", "sparsety=0.5"), b"sparsety: there is no such field. Did you mean 'sparsity'? Choices: "),
    "a misspelt option": (("--set", "criterion_options.n_exampels=5"), b"criterion_options.n_exampels: there is no such field. Did you mean 'n_examples'?"),
    "no equals sign": (("--set", "sparsity"), b"--set: must be field=value, got 'sparsity'."),
    "no field": (("--set", "=1"), b"--set: must be field=value, got '=1'."),
    "markup in a value": (("--set", "model=<b>x</b>"), b"model: there is no '<b>x</b>'. Choices: "),
    "a line break in a value": (("--set", "model=a\nb"), b"model: there is no 'a b'. Choices: "),
    "a number of ten thousand digits": (("--set", "epochs=" + "9" * 10_000), b"epochs: must be "),
    "broken JSON": (("--spec", "-"), b"spec: is not valid JSON: ", b'{"model": '),
    "broken JSON with a field over it": (("--spec", "-", "--set", "seed=1"), b"spec: is not valid JSON: ", b"{"),
    "JSON that is no object": (("--spec", "-", "--set", "seed=1"), b"spec: must be an object", b"[1, 2]"),
    "text that is not UTF-8": (("--spec", "-"), b"spec: is not valid JSON: ", b"\xff\xfe\xff"),
    "10 MB of text": (("--spec", "-"), b"spec: is too long: ", b"x" * 10_000_000),
    "10 MB of text with a field over it": (("--spec", "-", "--set", "seed=1"), b"spec: is too long: ", b"x" * 10_000_000),
    "a million brackets": (("--spec", "-"), b"spec: is not valid JSON: ", DEEP),
    "a file that is not there": (("--spec", "/no/such/file"), b"Invalid value for '--spec'"),
    "an unknown option": (("--colour",), b"No such option"),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("command", ["run", "submit"])
def test_a_bad_value_is_status_2_and_one_line_that_names_it(espalier, store, command, bad):
    arguments, said, *stdin = BAD[bad]
    before = store.runs()
    done = espalier(command, *arguments, stdin=b"".join(stdin))
    assert done.returncode == 2
    assert done.stderr.startswith(said)
    assert done.stderr.count(b"\n") == 1
    assert len(done.stderr) < 600
    assert done.stdout == b""
    assert store.runs() == before


def test_every_problem_has_a_line_of_its_own(espalier):
    done = espalier("run", "--set", "sparsity=2", "--set", "epochs=-1", "--set", "model=lenet")
    assert done.returncode == 2
    assert sorted(line.split(b":")[0] for line in done.stderr.splitlines()) == [b"epochs", b"model", b"sparsity"]


@pytest.mark.parametrize("arguments", [("--name", "x" * 81), ("--notes", "x" * 2001)])
def test_a_name_or_note_that_is_too_long_queues_nothing(espalier, store, arguments):
    done = espalier("submit", *arguments)
    assert (done.returncode, done.stderr.count(b"\n"), store.queue_length()) == (2, 1, 0)


class TestStored:
    def test_submit_queues_a_run_that_is_carried_out_and_shown(self, espalier, store):
        done = espalier("submit", *QUICK, "--name", "<b>mine</b>\x1b[31m", "--notes", "why", "--wait")
        try:
            assert (done.returncode, done.stderr) == (0, b"")
            run_id = done.stdout.decode().strip()
            assert store.run(run_id).state == "finished"
            shown = espalier("show", run_id).stdout.decode()
            for said in (run_id, "<b>mine</b>", "finished", "13,310 of 266,200", "test accuracy", "why", "weights.safetensors"):
                assert said in shown
            assert "\x1b" not in shown
            known = json.loads(espalier("show", run_id, "--json").stdout)
            assert (known["state"], known["events"][-1]["kind"], known["spec"]["epochs"]) == ("finished", "finished", 1)
            listed = espalier("list", "runs").stdout.decode()
            assert run_id in listed
            assert "\x1b" not in listed
        finally:
            os.kill(lease(store).pid, signal.SIGTERM)

    def test_runs_travel_by_export_and_import(self, espalier, store, tmp_path):
        example = next((run for run in store.runs() if run.example), None)
        if example is None:
            pytest.skip("no examples ship with this version")
        assert espalier("export", example.id, "--to", str(tmp_path / "x.zip")).returncode == 0
        store.delete(example.id)
        done = espalier("import", str(tmp_path / "x.zip"))
        assert done.stdout.decode().split() == [example.id]
        assert store.run(example.id).spec == example.spec

    @pytest.mark.parametrize("run_id", ["x", "../../etc/passwd", "\x1b[31m", "0" * 36, ""])
    @pytest.mark.parametrize("command", ["show", "export"])
    def test_a_run_that_is_not_there_is_status_2_and_one_line(self, espalier, command, run_id):
        done = espalier(command, run_id)
        assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
        assert done.stderr.startswith(b"run: there is no ")
        assert b"\x1b" not in done.stderr

    def test_a_zip_that_is_none_is_status_1_and_one_line(self, espalier, tmp_path):
        (tmp_path / "x.zip").write_bytes(b"PK nothing")
        done = espalier("import", str(tmp_path / "x.zip"))
        assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)


class TestLists:
    @pytest.mark.parametrize("what", ["criteria", "models", "datasets", "protocols"])
    def test_everything_in_the_catalogue_is_listed(self, espalier, what):
        done = espalier("list", what)
        entries = getattr(catalogue, what).values()
        assert done.returncode == 0
        assert all(f"{entry.name} " in done.stdout.decode() and entry.title in done.stdout.decode() for entry in entries)

    def test_an_unknown_list_names_the_choices(self, espalier):
        done = espalier("list", "nets")
        assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
        assert b"criteria" in done.stderr


def test_the_doctor_says_what_works_and_what_to_do(espalier, store):
    done = espalier("doctor")
    said = done.stdout.decode()
    assert done.returncode == 0, said
    for what in ("python", "torch", "device", "slots", "digits", "mnist", "database", "supervisor", "disk"):
        assert f"  {what} " in said


def test_the_doctor_finds_a_home_that_can_not_be_used(store, tmp_path):
    (tmp_path / "file").write_text("")
    env = {**environment(store), "ESPALIER_HOME": str(tmp_path / "file" / "home")}
    done = subprocess.run([sys.executable, "-m", "prune_core", "doctor"], capture_output=True, env=env, timeout=120, check=False)
    assert done.returncode == 1
    assert b"Set ESPALIER_HOME to a folder that can be written." in done.stdout
    assert done.stderr == b""


def test_a_setting_that_makes_no_sense_is_one_line(store):
    env = {**environment(store), "ESPALIER_SLOTS": "many"}
    done = subprocess.run([sys.executable, "-m", "prune_core", "doctor"], capture_output=True, env=env, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (2, b"ESPALIER_SLOTS: must be a whole number, got 'many'.\n")


def test_the_command_line_starts_without_torch_and_streamlit():
    code = "import sys, prune_core.__main__, prune_core.service; print([m for m in ('torch', 'streamlit', 'alembic') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"
