"""An address that names no page: says so, and leads back."""

from pages.parts import style
from pages.parts.empty import empty

style.head("There is no page here", "The address may be mistyped, or of another version.")
empty("Everything that Espalier shows can be reached from Home.", "Go to Home", "home.py")
