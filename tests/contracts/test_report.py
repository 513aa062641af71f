"""The report: one file about real runs that asks no network for anything, says what is true, and interprets nothing that people typed."""

import base64
import hashlib
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from prune_core import RunSpec, catalogue, run
from prune_core.charts.accuracy import accuracy
from prune_core.history import History
from prune_core.report import Subject, report
from prune_core.report_command import report_command
from prune_core.reporting import file_name, written
from prune_core.results import Environment, Result
from prune_core.store import NoSuchRun, Run
from prune_core.store.bundles import EXAMPLES
from prune_core.wording import SpecError

NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(1)> $x$ [l](javascript:1) **b** \u2028 &amp;"
ONCE = RunSpec(sparsity=0.95, epochs=2, protocol_options={"measure": ("latency",)})
STEPS = RunSpec(protocol="iterative", criterion="magnitude", sparsity=0.9, epochs=2, protocol_options={"rounds": 2})
DENSE = RunSpec(protocol="dense", epochs=1, lr=0.005)
NOW = datetime(2026, 5, 3, 14, 5, tzinfo=UTC)


def subject(spec: RunSpec, history: History, **changed: Any) -> Subject:
    end = history.finished
    found = Result(
        id="1", title=changed.get("name") or spec.title, spec=spec, group=spec.group, seed=spec.seed,
        state=changed.pop("state", "finished" if end else "running"), test_accuracy=end.test.accuracy if end and end.test else None,
        validation_accuracy=None, weights_kept=end.weights_kept if end else None, weights=266_200, effective=end.effective if end else None,
        seconds=end.seconds if end else None, at_chance=False, example=False, environment=Environment("1", "2", "cpu"),
        fingerprint=spec.fingerprint,
    )  # fmt: skip
    return Subject(found, history, **changed)


@pytest.fixture(scope="module")
def histories() -> dict[str, History]:
    return {name: History.of(e for _, e in run(spec)) for name, spec in (("once", ONCE), ("steps", STEPS), ("dense", DENSE))}


@pytest.fixture(scope="module")
def one(histories) -> str:
    return report([subject(ONCE, histories["once"], weights_bytes=1_070_000)], NOW)


@pytest.fixture(scope="module")
def several(histories) -> str:
    return report([subject(spec, histories[name]) for name, spec in (("once", ONCE), ("steps", STEPS), ("dense", DENSE))], NOW)


def test_of_a_run_that_judged_it_shows_what_was_found():
    spec = RunSpec(protocol="judge", criterion=None, epochs=0, protocol_options={
        "units": 30, "images": 20, "n_examples": 20, "criteria": ["snip", "random"], "sparsities": [0.5]})  # fmt: skip
    history = History.of(e for _, e in run(spec))
    told = report([subject(spec, history)], NOW)
    assert 'aria-label="Rank of each criterion&#x27;s score against the true change"' in told
    lowered = sum(r < 0 for e in history.measurements if e.what == "removal" for r in e.values["rises"])
    assert f"{lowered} of 30 removals lowered the loss" in told
    assert "The whole network is at chance" in told
    assert "No claim about speed" in told


def test_of_a_run_that_was_made_smaller_it_says_what_is_gone_and_how_fast_it_is():
    spec = RunSpec(model="small_conv", criterion="l2_norm", sparsity=0.5, epochs=1)
    history = History.of(e for _, e in run(spec))
    told = report([subject(spec, history)], NOW)
    before, after = history.shrunk.parameters
    assert f"{before - after:,} of {before:,} parameters" in told
    assert "weights belonged to removed channels" in told
    assert "Made smaller" in told
    assert "Zeros are not speed" in told
    assert "Speed was measured on one machine only." in told


@pytest.fixture(scope="module")
def attacked(histories) -> list[str]:
    """Reports about runs whose name, notes and error are an attack."""
    alone = report([subject(ONCE, histories["once"], name=NASTY, notes=NASTY, message=NASTY)], NOW)
    failed = report([subject(ONCE, histories["once"], name=NASTY, state="failed", message=NASTY)], NOW)
    both = report([subject(ONCE, histories["once"], name=NASTY), subject(DENSE, histories["dense"], name=NASTY + "2")], NOW)
    return [alone, failed, both]


class Reader(HTMLParser):
    """What a browser would make of the file: text that people read, elements, scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.said, self.elements, self.scripts, self.open = "", list[tuple[str, dict[str, Any]]](), list[tuple[dict[str, Any], str]](), ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        self.open = tag
        if tag == "script":
            self.scripts.append((dict(attributes), ""))

    def handle_endtag(self, tag: str) -> None:
        self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open == "script":
            attributes, before = self.scripts[-1]
            self.scripts[-1] = attributes, before + data
        elif self.open != "style":
            self.said += data.replace("\xa0", " ")

    @property
    def policy(self) -> str:
        return next(a["content"] for tag, a in self.elements if a.get("http-equiv") == "Content-Security-Policy")


def read(text: str) -> Reader:
    return Reader(text)


class TestOneRun:
    def test_says_what_was_asked_and_what_came_out_in_the_words_of_the_page(self, one, histories):
        said = read(one).said
        end = histories["once"].finished
        assert ONCE.title in said
        assert accuracy(histories["once"]).sentence in said
        assert f"{100 * end.test.accuracy:.1f} %" in said
        assert "Written 3 May 2026, 14:05 UTC" in said
        assert end.weights_sha256 in said
        assert ONCE.fingerprint in said
        assert re.search("python -m prune_core run .*--set sparsity=0.95 --set epochs=2", said)

    def test_keeps_asked_masked_removed_and_measured_apart(self, one):
        said = read(one).said
        for words in (
            "95 % of weights removed",
            "252,890 of 266,200 weights are zeros",
            "Every layer has its full shape",
            "1 image: ",
            "1.07 MB",
        ):
            assert words in said
        assert "Zeros do not make dense kernels faster" in said

    def test_says_how_it_was_computed_with_formula_papers_and_check(self, one):
        said = read(one).said
        entry = catalogue.criteria["snip"]
        for words in (entry.oracle, *entry.deviations, entry.papers[0].title, "training images, their labels and one backward pass"):
            assert words in said
        assert "<math" in one

    def test_says_what_it_does_not_show(self, one):
        assert "One seed: how much of these numbers is chance is not shown." in read(one).said

    def test_numbers_beneath_a_picture_are_those_of_the_picture(self, one, histories):
        told = next(json.loads(text) for a, text in read(one).scripts if a.get("data-for") == "run-accuracy")
        curve = next(t for t in json.loads(told["light"])["data"] if t["name"] == "accuracy")
        last = accuracy(histories["once"]).table()["Validation accuracy (%)"][-1]
        assert round(100 * curve["y"][-1], 2) == last
        assert f'<td class="number">{last}</td>' in one

    def test_a_run_that_prunes_nothing_claims_nothing(self, histories):
        said = read(report([subject(DENSE, histories["dense"])], NOW)).said
        assert "This run was not asked to remove anything." in said
        assert "No speed was measured" in said

    def test_a_run_that_is_not_over_says_so(self, histories):
        history = History.of(histories["steps"].events[:6])
        assert "The run was still going when this was written" in read(report([subject(STEPS, history)], NOW)).said
        waiting = read(report([subject(STEPS, History(), state="queued")], NOW)).said
        assert "still going" in waiting
        assert "Two times: remove the smallest weights" in waiting

    def test_a_failed_run_says_why(self, histories):
        history = History.of(histories["steps"].events[:6])
        said = read(
            report([subject(STEPS, history, state="failed", message="Stopped in epoch 1: the loss is no longer a number.")], NOW)
        ).said
        assert "Stopped in epoch 1" in said
        assert "nothing here is a final result" in said


class TestSeveralRuns:
    def test_lists_outcome_and_only_the_settings_that_differ(self, several):
        said = read(several).said
        assert "Three runs beside each other" in said
        assert "They differ in criterion, way of pruning, amount removed and" in said
        assert "These are single runs, not means" in said
        for spec in (ONCE, STEPS, DENSE):
            assert spec.title in said

    def test_none_and_thirteen_are_refused(self, histories):
        for number in (0, 13):
            with pytest.raises(ValueError, match=f"a report is about 1 to 12, got {number}"):
                report([subject(DENSE, histories["dense"])] * number)


@pytest.mark.parametrize("which", ["one", "several"])
class TestTheFile:
    def test_is_one_file_of_at_most_six_megabytes(self, which, request):
        assert len(request.getfixturevalue(which).encode()) < 6e6

    def test_names_no_other_place(self, which, request):
        found = read(request.getfixturevalue(which))
        for tag, attributes in found.elements:
            for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href", "background"):
                assert attributes.get(name, "data:").startswith("data:"), (tag, name)
            assert not [name for name in attributes if name.startswith("on")]
        assert not {tag for tag, _ in found.elements} & {"a", "link", "iframe", "object", "embed", "base", "form"}
        assert "url(" not in re.search("<style>(.*?)</style>", request.getfixturevalue(which), re.S)[1]

    def test_lets_only_its_own_two_scripts_run_by_their_checksums(self, which, request):
        found = read(request.getfixturevalue(which))
        allowed = set(re.findall("'sha256-([^']+)'", found.policy))
        scripts = [text for attributes, text in found.scripts if attributes.get("type") != "application/json"]
        assert len(scripts) == 2
        assert {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts} == allowed
        assert "default-src 'none'" in found.policy
        assert "'unsafe-inline'" not in found.policy.partition("script-src")[2].partition(";")[0]

    def test_names_no_place_of_this_machine(self, which, request, session_home):
        text = request.getfixturevalue(which)
        assert str(session_home) not in text
        assert "/home/" not in text
        assert "/tmp/" not in text


class TestAttacks:
    def test_what_people_typed_is_shown_and_never_interpreted(self, attacked):
        for text in attacked:
            found = read(text)
            assert NASTY in found.said
            assert not [a for tag, a in found.elements if "onerror" in a or a.get("src") == "x"]
            assert len([a for a, _ in found.scripts if a.get("type") != "application/json"]) == 2

    def test_json_inside_can_not_end_its_script(self, attacked):
        for text in attacked:
            for attributes, inside in read(text).scripts:
                if attributes.get("type") == "application/json":
                    assert not set("<>&\u2028") & set(inside)
                    assert set(json.loads(inside)) == {"light", "dark"}


class TestStoredRuns:
    @pytest.fixture
    def example(self, empty_store) -> Run:
        """A scoring run of the examples: pictures come from its files."""
        (found,) = empty_store.import_runs(EXAMPLES / "snip-scores-mnist.zip")
        return found

    def test_a_scoring_run_shows_what_would_be_kept_without_any_script(self, empty_store, example):
        found = read(written(empty_store, [example.id]))
        pictures = [a for tag, a in found.elements if tag == "img"]
        assert len(pictures) == 50
        assert all(a["alt"] for a in pictures)
        assert found.scripts == []
        assert "Nothing was trained" in found.said

    def test_ids_that_are_not_here_and_too_many_are_one_line(self, empty_store, example):
        with pytest.raises(NoSuchRun):
            written(empty_store, [example.id, "../../etc/passwd"])
        with pytest.raises(SpecError, match="1 to 12 runs, got 0"):
            written(empty_store, [])

    def test_the_command_writes_the_file_whole_or_not_at_all(self, empty_store, example, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr("prune_core.report_command.Store.open", lambda: empty_store)
        target = tmp_path / "new folder" / "report.html"
        report_command([example.id, example.id, "--to", str(target)], standalone_mode=False)
        assert capsys.readouterr().out == f"{target}\n"
        assert example.title in read(target.read_text()).said
        assert [p.name for p in target.parent.iterdir()] == ["report.html"]

    def test_the_file_is_named_in_plain_letters(self, example):
        assert file_name([example._replace(name=NASTY)]) == "espalier-snip-scores-by-class-lenet-300-100-mnist-seed-0.html"
        assert file_name([example, example]) == "espalier-2-runs.html"
