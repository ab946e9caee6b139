"""From notebooks to pages: parameters and profiles in, executed notebooks and offline HTML out."""

from smallbert.report.parameters import start

__all__ = ["start"]
