"""Text that people typed, shown as it is: in Markdown nothing of it may turn into a heading, a link, a colour or a formula."""

import re

SIGNS = re.compile(r"([!-/:-@\[-`{-~])")


def plain(text: str) -> str:
    """The text for a place where Streamlit reads Markdown (titles, labels, messages): every sign escaped, on one line."""
    return SIGNS.sub(r"\\\1", " ".join(text.split()))
