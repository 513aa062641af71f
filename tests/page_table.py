"""The pages that there are, read off the navigation itself: a page is tried by being in it."""

import ast
from pathlib import Path
from typing import NamedTuple

PAGES = Path(__file__).parents[1] / "pages"


class PageEntry(NamedTuple):
    """A page: its file, its title in the navigation, its place in the address ("" for the first page)."""

    file: str
    title: str
    path: str


def page_table() -> tuple[PageEntry, ...]:
    """Every `st.Page("file", title="...")` of pages/_shell.py, in its order."""
    calls = [node for node in ast.walk(ast.parse((PAGES / "_shell.py").read_text())) if isinstance(node, ast.Call) and node.args]
    pages = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "Page"]
    return tuple(entry(call) for call in pages if isinstance(call.args[0], ast.Constant))


def entry(call: ast.Call) -> PageEntry:
    file = ast.literal_eval(call.args[0])
    told = {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg and isinstance(word.value, ast.Constant)}
    return PageEntry(file, told["title"], "" if told.get("default") else told.get("url_path", Path(file).stem))
