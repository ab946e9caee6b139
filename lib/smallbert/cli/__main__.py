"""``python -m smallbert.cli``."""

import sys

from smallbert.cli import main

sys.exit(main())
