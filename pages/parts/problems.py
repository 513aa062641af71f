"""What is wrong, in one box however much it is."""

from collections.abc import Sequence

import streamlit as st

from .plain import plain

SHOWN = 8


def problems(lines: Sequence[str]) -> None:
    """One message box with a line for each problem; nothing where there is none."""
    told = [plain(line) for line in dict.fromkeys(lines) if line]
    if len(told) > SHOWN:
        told = [*told[:SHOWN], f"and {len(told) - SHOWN:,} more"]
    if told:
        st.error("  \n".join(told), icon=":material/error:")
