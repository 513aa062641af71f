"""`python -m tests.faults.campaign`: the long campaign. Goes on where it was stopped."""

from pathlib import Path

import click

RESULTS = Path(__file__).parents[1] / "results"


@click.command()
@click.option("--count", default=2000, show_default=True, help="Injections in all.")
@click.option("--least", default=20, show_default=True, help="At least so many of each class.")
@click.option("--seed", default=0, show_default=True, help="The first seed; each injection of a class has the next one.")
@click.option("--at-once", default=4, show_default=True, help="Injections at the same time; most of them wait.")
@click.option("--only", multiple=True, help="Only classes with this text in their name; repeatable.")
@click.option("--fast", is_flag=True, help="The selection of the tests, with short waits, whatever --count says.")
@click.option(
    "--record", type=click.Path(path_type=Path), default=RESULTS / "campaign.jsonl", show_default=False, help="What was injected so far."
)
@click.option("--report", type=click.Path(path_type=Path), default=RESULTS / "campaign.md", show_default=False, help="The table of it all.")
def main(count: int, least: int, seed: int, at_once: int, only: tuple[str, ...], fast: bool, record: Path, report: Path) -> None:
    from .long import go_on

    go_on(count, least, seed, at_once, only, fast, record, report)


if __name__ == "__main__":
    main()
