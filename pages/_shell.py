"""Navigation and page configuration, run before every page.

Why not in app.py: a folder `pages` beside the main script would switch on Streamlit's own navigation at the first deep link after a start.
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import streamlit as st

from pages.parts import sign_in, style
from pages.parts.plain import plain
from prune_core.store import StoreError

ASSETS = Path(__file__).parents[1] / "assets"

st.set_page_config(page_icon=str(ASSETS / "favicon.png"), layout="wide", initial_sidebar_state=200)
st.logo(str(ASSETS / "logo.svg"), size="large")
style.apply()
sign_in.ask()

# The table of pages, by group. To add a page, add its line. Run and Compare are reached by links alone.
PAGES = {
    "": [
        st.Page("home.py", title="Home", icon=":material/home:", url_path="index", default=True),
        st.Page("prune.py", title="Prune", icon=":material/content_cut:"),
        st.Page("runs.py", title="Runs", icon=":material/table_rows:"),
        st.Page("run.py", title="Run", url_path="run", visibility="hidden"),
        st.Page("compare.py", title="Compare", url_path="compare", visibility="hidden"),
    ],
    "Look": [
        st.Page("saliency.py", title="Saliency", icon=":material/grid_on:"),
        st.Page("trade_off.py", title="Trade-off", icon=":material/show_chart:"),
        st.Page("widths.py", title="Widths", icon=":material/park:"),
        st.Page("speed.py", title="Speed", icon=":material/speed:"),
        st.Page("instability.py", title="Instability", icon=":material/ecg_heart:"),
        st.Page("scratch.py", title="Scratch", icon=":material/restart_alt:"),
        st.Page("calibration.py", title="Calibration", icon=":material/balance:"),
        st.Page("sensitivity.py", title="Sensitivity", icon=":material/layers:"),
        st.Page("network.py", title="Network", icon=":material/account_tree:"),
    ],
    "About": [
        st.Page("methods.py", title="Methods", icon=":material/menu_book:"),
        st.Page("system.py", title="System", icon=":material/memory:"),
    ],
}
# Streamlit meets an unknown address with a window of its own over Home; a hidden page of that very name says it in our words instead.
asked = unquote(urlsplit(st.context.url or "").path).rpartition("/")[2]
if asked and asked not in {page.url_path for group in PAGES.values() for page in group} | {"index"}:
    PAGES[""].append(st.Page("missing.py", title="Not here", url_path=asked, visibility="hidden"))
page = st.navigation(PAGES)
try:
    page.run()
except StoreError as error:
    st.error(plain(str(error)), icon=":material/error:")
