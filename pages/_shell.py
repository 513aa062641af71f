"""Navigation and page configuration, run before every page.

Why not in app.py: a folder `pages` beside the main script would switch on Streamlit's own navigation at the first deep link after a start.
"""

from pathlib import Path
from typing import Any

import streamlit as st

from pages.parts import style

HERE = Path(__file__).parent
ASSETS = HERE.parent / "assets"


# The table of pages: group -> file, title, icon. The Run page is reached by links alone. To add a page, add its line.
PAGES: dict[str, list[tuple[str, str, str, dict[str, Any]]]] = {
    "": [
        ("home.py", "Home", "home", {"default": True}),
        ("prune.py", "Prune", "content_cut", {}),
        ("runs.py", "Runs", "table_rows", {}),
        ("run.py", "Run", "show_chart", {"url_path": "run", "visibility": "hidden"}),
    ],
    "Look": [
        ("saliency.py", "Saliency", "grid_on", {}),
    ],
}

icon = ASSETS / "favicon.png"
st.set_page_config(page_icon=str(icon) if icon.exists() else None, layout="wide", initial_sidebar_state=200)
if (ASSETS / "logo.svg").exists():
    st.logo(str(ASSETS / "logo.svg"), size="large")
style.apply()
st.navigation({
    group: [st.Page(file, title=title, icon=f":material/{icon}:", **how) for file, title, icon, how in pages if (HERE / file).exists()]
    for group, pages in PAGES.items()
}).run()  # fmt: skip
