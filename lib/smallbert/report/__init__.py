"""From notebooks to pages: parameters and profiles in, executed notebooks and offline HTML out."""

import sys

from smallbert.report.parameters import start

# nbformat and papermill load jsonschema, which would build a grammar of internationalised web addresses at its import:
# 1.3 s of processor time in every process of a run, for a format that no notebook's schema has. None stands for a
# package that is not installed, which jsonschema allows for.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

__all__ = ["start"]
