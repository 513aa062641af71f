"""Methods: how everything is computed, drawn from the catalogue. The address says which entry: /methods?method=snip."""

import streamlit as st

from pages.parts import figure, method_pictures, style
from pages.parts.plain import plain
from prune_core import RunSpec, SpecError, catalogue, markup, method_words
from prune_core.catalogue import Criterion, DataSet, Entry, Model, Protocol
from prune_core.store import StoreError
from prune_core.wording import unknown

FIRST = "snip"


def listing(chosen: Entry) -> None:
    """All entries, one link each, the chosen one marked."""
    with st.container(key="methods-list"):
        for kind in method_words.KINDS:
            st.html(f'<p class="espalier-label">{markup.text(kind.title)}</p>')
            with st.container(key=f"methods-kind-{kind.one.replace(' ', '-')}", gap=None):
                for told, entry in ((a, e) for a, e in known.items() if method_words.kind_of(e) is kind):
                    with st.container(key=f"{'methods-chosen' if entry is chosen else 'methods-other'}-{told}"):
                        st.page_link("methods.py", label=plain(entry.title), query_params={"method": told}, width="stretch")


def about(entry: Entry) -> None:
    """One entry: picture, formula, facts, papers, options."""
    st.header(plain(entry.title), anchor=False)
    st.html(f'<p class="espalier-lead">{markup.text(entry.summary)}</p>')
    try:
        drawn = method_pictures.picture(entry)
    except StoreError as error:
        st.error(plain(str(error)))
        drawn = True
    if not drawn and not isinstance(entry, Protocol):
        st.html(f'<p class="espalier-note">{markup.text(f"No run here has used {entry.title} yet; the first one brings a picture.")}</p>')
    if isinstance(entry, Criterion):
        st.latex(entry.formula)
        if entry.channel_formula:
            st.caption("Of a channel, with one gate on all that makes it:" if entry.gated else "Of a channel:")
            st.latex(entry.channel_formula)
    st.html(markup.facts(method_words.facts(entry)))
    if isinstance(entry, Model):
        st.page_link("network.py", label="Layer by layer", icon=":material/account_tree:", query_params={"model": entry.name})
    try_it(entry)
    sources(entry)
    options(entry)


def try_it(entry: Entry) -> None:
    """The button that leads to the form with this entry chosen."""
    told = address(entry)
    if told is not None and st.button("Try it", icon=":material/content_cut:", key=f"methods-try-{entry.name}"):
        st.switch_page("prune.py", query_params=told)
    page = entry.page if isinstance(entry, Protocol) else ""
    if page and st.button(f"See it in {page}", icon=":material/visibility:", key="methods-see"):
        st.switch_page(f"{page.lower()}.py")


def address(entry: Entry) -> dict[str, str] | None:
    """What the form is told to stand at this entry; None for what it does not offer."""
    fields = {Criterion: "criterion", Protocol: "protocol", Model: "model", DataSet: "dataset"}
    field = fields.get(type(entry), "allocation")
    if isinstance(entry, Protocol) and ("parent" in entry.uses or entry.page):
        return None
    told = {field: entry.name}
    if isinstance(entry, Criterion) and "weight" not in entry.granularities:
        told |= {"model": "small_conv", "sparsity": "0.5"}
    told |= partner(entry)
    try:
        RunSpec.read(told)
    except SpecError:
        return None
    return told


def partner(entry: Entry) -> dict[str, str]:
    """What goes with an entry where the form's usual choice doesn't, the first of its table that does: data for a network, a network for data, a
    protocol that trains first for a criterion that reads what training recorded.
    """
    usual = RunSpec()
    if isinstance(entry, Criterion) and "recorded" in entry.needs:
        return {"protocol": next(p.name for p in catalogue.protocols.values() if p.trains_first and "criterion" in p.uses)}
    if isinstance(entry, Model) and entry.input_shape != usual.dataset_entry.shape:
        return {"dataset": next((d.name for d in catalogue.datasets.values() if d.shape == entry.input_shape), "")}
    if isinstance(entry, DataSet) and entry.shape != usual.model_entry.input_shape:
        return {"model": next((m.name for m in catalogue.models.values() if m.input_shape == entry.shape), "")}
    return {}


def sources(entry: Entry) -> None:
    """Papers, where our way differs from the published one, and what checks the code."""
    deviations, oracle = getattr(entry, "deviations", ()), getattr(entry, "oracle", "")
    for heading, lines in (
        ("Published in", [method_words.paper(p) for p in entry.papers]), ("Where this differs from the paper", deviations),
        ("How the code is checked", [oracle] if oracle else []),
    ):  # fmt: skip
        if lines:
            st.subheader(heading, anchor=False)
            st.html("".join(f'<p class="espalier-line">{markup.text(line)}</p>' for line in lines))


def options(entry: Entry) -> None:
    """What can be set, where it stands if nobody chooses, and what it does."""
    rows = [[o.title, o.default, o.choices, o.help] for o in method_words.options(entry)]
    if rows:
        st.subheader("Options", anchor=False)
        st.html(markup.table(["Option", "Default", "Choices", "What it does"], rows, f"Options of {entry.title}"))


st.html(style.ASSETS / "work.css")
st.html(style.ASSETS / "tables.css")
known = method_words.addresses()
asked = st.query_params.get("method", FIRST)
style.head(
    "How is it computed?", "Every method here: its formula, what it needs, where it was published, and what checks that the code is right."
)
if asked not in known:
    figure.caption(unknown(asked, known).partition(" Choices:")[0].capitalize() + " Every method stands in the list.")
asked = asked if asked in known else FIRST
entry = known[asked]
if "method" in st.query_params:
    st.query_params["method"] = asked  # a link within a page changes what the page is told, and not what the browser's address says
with st.container(key="methods-view"):
    left, right = st.columns([3, 10], gap="large")
    with left:
        listing(entry)
    with right:
        about(entry)
