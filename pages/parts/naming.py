"""Name and notes of a run, in a popover."""

import streamlit as st

from prune_core import SpecError
from prune_core.store import Run, StoreError

from .plain import plain
from .stored import store


def naming(run: Run) -> None:
    """Rename a run and write notes. Any text goes in and is shown as it was typed."""
    with st.popover("Name and notes", icon=":material/edit:", key=f"naming-{run.id}"), st.form(f"name-form-{run.id}", border=False):
        name = st.text_input("Name", value=run.name or "", placeholder=run.spec.title, max_chars=80, key=f"name-{run.id}")
        notes = st.text_area("Notes", value=run.notes, max_chars=2000, key=f"notes-{run.id}")
        if st.form_submit_button("Save"):
            try:
                store().rename(run.id, name)
                store().annotate(run.id, notes)
            except (SpecError, StoreError) as error:
                st.error(plain(str(error)), icon=":material/error:")
            else:
                st.rerun()
