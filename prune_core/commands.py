"""The commands by name, each imported when it is called: every one of them starts without torch, and `run` without a database."""

from importlib import import_module

import click

WHERE = {
    "run": "run_command:run",
    "submit": "command_line:submit",
    "sweep": "sweep_command:sweep",
    "list": "command_line:list_",
    "show": "command_line:show",
    "report": "report_command:report_command",
    "export": "command_line:export",
    "import": "command_line:import_",
    "supervise": "command_line:supervise",
    "repair": "command_line:repair",
    "doctor": "command_line:doctor",
}


class Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(WHERE)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module, _, name = WHERE.get(cmd_name, "").partition(":")
        found: click.Command | None = getattr(import_module(f".{module}", __package__), name) if module else None
        return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
def commands() -> None:
    """Espalier: explore how neural networks can be pruned."""
