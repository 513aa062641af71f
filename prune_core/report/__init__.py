"""A report: one self-contained HTML file of a run, or of several beside each other, for people who were not there."""

from .document import report
from .subject import Subject, subject

__all__ = ["Subject", "report", "subject"]
