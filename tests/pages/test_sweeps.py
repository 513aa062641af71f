"""Sweeps as people meet them: repeated over on Prune, followed and cancelled on Runs."""

import pytest
from streamlit.testing.v1 import AppTest

from pages.parts import repeat_form
from pages.parts.repeat_form import Repeat
from prune_core import RunSpec, service
from prune_core.environment import here
from prune_core.store import Environment, Run, queue, sweeps
from prune_core.store.sweeps import Asked

from .conftest import LOOKER, SPEC, words

GRID = {"epochs": "2", "sparsity": "0.95", "seeds": "3", "criteria": "magnitude,random", "sparsities": "0.8,0.9,0.98"}
CODE = here()


@pytest.fixture
def supervised(monkeypatch):
    """Nothing runs by itself."""
    monkeypatch.setattr(service.starting, "ensure_supervisor", lambda store: None)


@pytest.fixture
def finish(store, events):
    """Finishes the oldest queued run, as if it had run here."""

    def finish() -> Run:
        claim = queue.claim(store, LOOKER, 1)
        assert claim is not None
        for numbered in events:
            store.attempt(claim.run.id, claim.attempt).append(numbered)
        return store.run(claim.run.id)

    return finish


def press(shown: AppTest, label: str) -> AppTest:
    return next(b for b in shown.button if b.label == label).click().run()


def address(shown: AppTest) -> dict[str, str]:
    """AppTest keeps a list of what it was given, and text of what the script wrote."""
    told = {name: shown.query_params[name] for name in shown.query_params}
    return {name: value if isinstance(value, str) else value[0] for name, value in told.items()}


def labels(shown: AppTest) -> list[str]:
    return [b.label for b in shown.button]


class TestRepeatOver:
    def test_a_plain_form_starts_one_run_and_says_nothing_of_sweeps(self, page):
        shown = page("prune.py")
        assert "Start run" in labels(shown)
        assert shown.session_state["prune-form"].last == (RunSpec(), Repeat())
        assert address(shown) == {}

    def test_an_address_fills_it_and_the_button_says_how_many(self, page):
        shown = page("prune.py", **GRID, beside="dense")
        assert "Start 39 runs" in labels(shown)
        assert "3 criteria × 4 sparsities × 3 seeds · LeNet-300-100 · Digits, with three dense runs" in words(shown)
        assert address(shown) == {**GRID, "beside": "dense"}

    def test_clicking_fills_the_address(self, page):
        shown = page("prune.py")
        next(g for g in shown.segmented_control if g.label == "Seeds").set_value(5).run()
        next(p for p in shown.pills if p.label == "Criteria too").set_value(["random"]).run()
        next(c for c in shown.checkbox if c.label == "The dense reference too").check().run()
        assert address(shown) == {"seeds": "5", "criteria": "random", "beside": "dense"}
        assert "Start 15 runs" in labels(shown)

    def test_a_criterion_that_was_added_and_is_then_chosen_counts_once(self, page):
        shown = page("prune.py", criteria="magnitude,random", seeds="3")
        next(b for b in shown.selectbox if b.label == "Criterion").set_value("random").run()
        assert "Start 6 runs" in labels(shown)
        assert [s.criterion for s in repeat_form.specs(*shown.session_state["prune-form"].last)[:2]] == ["random", "magnitude"]

    def test_options_of_the_criterion_go_to_the_others_that_have_them(self):
        spec = RunSpec(criterion_options={"n_examples": 10})
        found = repeat_form.specs(spec, Repeat(criteria=("random",)))
        assert [(s.criterion, getattr(s.criterion_options, "n_examples", None)) for s in found] == [("snip", 10), ("random", None)]

    def test_without_pruning_only_seeds_can_be_repeated(self, page):
        shown = page("prune.py", protocol="dense", seeds="3", criteria="random", beside="shuffled")
        assert "Start 3 runs" in labels(shown)
        assert [p.label for p in shown.pills] == []

    @pytest.mark.parametrize(
        ("field", "value", "said"),
        [
            ("seeds", "0", "seeds: must be at least 1, got 0."), ("seeds", "1e9", "seeds: must be a whole number"), ("seeds", "101", "at most 100"),
            ("criteria", "random,bla", "criteria: there is no 'bla'. Choices:"),
            ("sparsities", "0.5,1.0", "sparsities: must be at least 0 and below 1, got 1.0."),
            ("sparsities", "nan", "sparsities"), ("beside", "../x", "beside: there is no '../x'. Choices: dense, shuffled."),
            ("sparsities", ",".join(["0.5"] * 99), "sparsities"),
        ],
    )  # fmt: skip
    def test_a_bad_value_in_the_address_is_one_line_and_a_usable_form(self, page, field, value, said):
        shown = page("prune.py", epochs="2", **{field: value})
        (box,) = shown.error
        assert said in box.value.replace("\\", "")
        assert not next(b for b in shown.button if b.label == "Start run").disabled

    def test_many_bad_values_stand_in_one_box(self, page):
        shown = page("prune.py", epochs="-1", criterion="snipp", seeds="x", sparsity="7", beside="y", spasity="1")
        (box,) = shown.error
        assert len(box.value.split("  \n")) == 6

    def test_too_many_runs_are_refused_with_the_limit(self, page):
        shown = page("prune.py", seeds="100", criteria="magnitude,random", sparsities="0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8")
        assert "sweep: must have at most 2,000 runs, got" in shown.error[0].value.replace("\\", "")
        assert next(b for b in shown.button if b.label.startswith("Start")).disabled


class TestStarting:
    def test_it_leads_to_the_sweep_on_runs(self, page, store, supervised):
        shown = press(page("prune.py", **GRID, beside="dense,shuffled"), "Start 75 runs")
        (sweep,) = store.sweeps()
        assert (sweep.counts, sweep.waiting) == ({"queued": 39}, 36)
        assert address(shown)["sweep"] == sweep.id
        assert shown.title[0].value == "What have we tried?"
        assert shown.subheader[0].value.replace("\\", "") == sweep.name
        assert len(shown.dataframe[0].value) == 39

    def test_what_has_run_is_offered_and_not_run_again_unless_asked(self, page, store, supervised, finish):
        store.submit(SPEC)
        finish()
        shown = page("prune.py", epochs="2", sparsity="0.95", seeds="3")
        assert "Start 2 runs" in labels(shown)
        next(t for t in shown.toggle if t.label == "Run them again").set_value(True).run()
        assert "Start 3 runs" in labels(shown)
        press(shown, "Start 3 runs")
        assert len(store.runs()) == 4

    def test_where_all_has_run_the_button_shows_it(self, page, store, supervised, finish):
        for seed in range(2):
            store.submit(SPEC.model_copy(update={"seed": seed}))
            finish()
        service.submit_sweep(store, [SPEC, SPEC.model_copy(update={"seed": 1})])
        shown = page("prune.py", epochs="2", sparsity="0.95", criteria="magnitude")
        assert "Start 1 run" in labels(shown)
        assert store.sweeps()[0].counts == {"finished": 2}

    def test_a_run_of_another_torch_is_said_to_be_from_elsewhere(self, page, store, states):
        from sqlalchemy import text

        with store.database.writing() as connection:
            connection.execute(text("UPDATE runs SET torch = '1.0'"))
        said = words(page("prune.py", sparsity="0.95", epochs="2"))
        assert f"computed elsewhere with Espalier {CODE.code}, torch 1.0, cpu" in said
        assert "This very run" not in said


class TestFollowing:
    @pytest.fixture
    def sweep(self, store, supervised):
        asked = [Asked(SPEC.model_copy(update={"seed": seed}), Environment(*CODE), ("shuffled",)) for seed in range(3)]
        told = {"models": ["lenet_300_100"], "datasets": ["digits"]}
        return store.sweep(sweeps.create(store, asked, "three *seeds*", told))

    def test_its_progress_stands_over_its_runs(self, page, store, sweep, finish):
        finish()
        queue.claim(store, LOOKER, 1)
        store.submit(RunSpec(seed=99))
        shown = page("runs.py", sweep=sweep.id)
        assert shown.subheader[0].value == r"three \*seeds\*"
        assert "1 of 6 runs over · 1 running · about" in words(shown).replace("\\", "")
        assert len(shown.dataframe[0].value) == 3
        shown = press(shown, "All runs")
        assert len(shown.dataframe[0].value) == 4
        assert "sweep" not in address(shown)

    def test_it_is_chosen_from_the_list_of_all_runs(self, page, store, sweep):
        store.submit(RunSpec(seed=99))
        shown = page("runs.py")
        box = shown.selectbox(key="runs-sweep")
        assert (box.value, box.options) == (None, ["three *seeds*"])
        box.set_value(sweep.id).run()
        assert address(shown)["sweep"] == sweep.id
        assert list(shown.dataframe[0].value["Seed"]) == [0, 1, 2]
        assert len(press(shown, "All runs").dataframe[0].value) == 4

    def test_one_that_was_cancelled_says_what_of_it_there_is(self, page, store, sweep, finish):
        finish()
        store.cancel_sweep(sweep.id)
        shown = page("runs.py", sweep=sweep.id)
        assert "Cancelled · 1 finished and 2 cancelled" in words(shown).replace("\\", "")
        assert "Cancel all" not in labels(shown)

    def test_what_has_finished_is_a_click_from_trade_off(self, page, store, sweep, finish):
        assert "See on Trade-off" not in labels(page("runs.py", sweep=sweep.id))
        finish()
        shown = press(page("runs.py", sweep=sweep.id), "See on Trade-off")
        assert "weights" in words(shown)
        assert shown.title[0].value != "What have we tried?"

    def test_trade_off_opens_on_the_series_of_the_sweep(self, page, store, sweep, finish):
        store.submit(RunSpec(criterion="magnitude", epochs=2))
        for _ in range(4):
            finish()
        shown = press(page("runs.py", sweep=sweep.id), "See on Trade-off")
        picked = shown.pills(key="to_only")
        assert [name.partition(",")[0] for name in picked.value] == ["SNIP"]
        assert {name.partition(",")[0] for name in picked.options} == {"SNIP", "Magnitude"}

    @pytest.mark.parametrize("wrong", ["x", "0" * 36, "../../etc", "<img src=x>"])
    def test_a_sweep_that_is_not_here_is_said_in_words(self, page, store, sweep, wrong):
        said = words(page("runs.py", sweep=wrong))
        assert "The sweep that the address names is not here." in said
        assert "<img" not in said


class TestRuns:
    def test_scorings_stand_apart(self, page, store):
        store.submit(RunSpec(protocol="score", epochs=0))
        store.submit(SPEC)
        shown = page("runs.py")
        (row,) = shown.dataframe[0].value.to_dict("records")
        assert f"{row['Run']} · seed {row['Seed']}" == SPEC.title
        assert "One scoring apart" in words(shown)
        shown.pills(key="state").set_value(["Scorings"]).run()
        assert len(shown.dataframe[0].value) == 1
        assert "scores" in shown.dataframe[0].value["Run"].iloc[0]

    def test_the_newest_five_hundred_are_shown_and_more_on_demand(self, page, store):
        from sqlalchemy import insert

        from prune_core.store.records import facts_of, now
        from prune_core.store.tables import RUNS

        facts = facts_of(SPEC) | {"notes": "", "state": "cancelled", "created": now()}
        with store.database.writing() as connection:
            connection.execute(insert(RUNS), [facts | {"id": f"00000000-0000-0000-0000-{i:012}"} for i in range(510)])
        shown = page("runs.py")
        assert len(shown.dataframe[0].value) == 500
        assert "The newest 500 of 510 runs." in words(shown)
        assert len(press(shown, "Show more").dataframe[0].value) == 510
