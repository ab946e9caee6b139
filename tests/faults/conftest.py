"""What goes wrong while the library works. Helpers stand beside the tests (``fault_*.py``) and are imported by name."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
