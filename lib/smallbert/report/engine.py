"""How papermill executes a stage's notebook: as it always does, but saving the executed copy now and then.

papermill saves before and after every cell, all figures so far each time, which grows with the square of their number
and is a tenth of the time of a page of many figures. What a save keeps is for whoever looks on; a stage that is cut
off runs again, so half a minute old will do. The copy is saved when execution ends, however it ends.
"""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines

NAME = "smallbert"


class _Manager(NotebookExecutionManager):
    """Saves when it begins, when it ends, and between two cells when half a minute has passed since."""

    _saved = False

    def save(self, **kwargs: Any) -> None:
        waited = (self.now() - self.last_save_time).total_seconds()
        if not self._saved or self.end_time or waited >= self.autosave_cell_every:
            super().save(**kwargs)
            self._saved = True


class Engine(NBClientEngine):
    """papermill's own engine with another manager of the executed copy."""

    @classmethod
    def execute_notebook(
        cls,
        nb: NotebookNode,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool = True,
        log_output: bool = False,
        autosave_cell_every: int = 30,
        **kwargs: Any,
    ) -> NotebookNode:
        """See :meth:`papermill.engines.Engine.execute_notebook`."""
        manager = _Manager(nb, output_path, log_output, progress_bar, autosave_cell_every)
        manager.notebook_start()
        try:
            cls.execute_managed_notebook(manager, kernel_name, log_output=log_output, **kwargs)
        finally:
            manager.notebook_complete()
        return manager.nb


papermill_engines.register(NAME, Engine)
