"""Workers are forked from a server that has imported what it was told to before they were asked for."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from pathlib import Path
from smallbert.models import workers

def work(path, *, report):
    Path(path).write_text(str("this" in sys.modules))
    report(1)

if __name__ == "__main__":
    workers.runtime.cores = lambda: 1 if sys.argv[1] == "one core" else 2
    if sys.argv[1] != "cold":
        workers.warm(["this"])  # no job needs it: only the server can have brought it
    jobs = [workers.Job(str(i), work, (f"{sys.argv[2]}/{i}",), units=1) for i in range(2)]
    workers.run(jobs, label="work", unit="steps", workers=2)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("way", "found"), [("warm", "True"), ("one core", "False"), ("cold", "False")])
def test_a_warmed_server_has_imported_what_it_was_told_where_workers_will_be_used(tmp_path, way, found):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script, way, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [(tmp_path / str(i)).read_text() for i in range(2)] == [found, found]
