"""What a stage depends on, so that it runs again when that changed and only then, and can say why.

Caches of notebooks commonly look at cell text alone and miss a change in the library (mystmd#2885, MyST-NB#299).
Here the key holds code cells, the library modules they import (directly or not), parameters, the stages needed,
input files, the lock and the versions that are installed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from smallbert import paths, provenance
from smallbert.corpus import hub, sources
from smallbert.corpus.tasks import description
from smallbert.report.notebooks import Notebook
from smallbert.report.settings import Parameters
from smallbert.storage import digest, sha256_file

READS = {
    "published.py": "published.toml",
    "studies/claims.py": "claims.toml",
    "studies/benchmarks.py": "results/benchmarks/*.json",
}
"""Library module -> the files of data/ that it alone reads, as a pattern."""

Key = dict[str, dict[str, Any]]
"""Part of the key (``code``, ``library``, ...) -> name of a piece -> its value or digest."""


def stage_key(notebook: Notebook, parameters: Parameters, needs: Mapping[str, Key], library: Path) -> Key:
    """Everything the outputs of a stage depend on.

    Args:
        notebook: the stage's notebook.
        parameters: its parameters.
        needs: keys of the stages it needs, by stem.
        library: folder of the package.
    """
    code = notebook.code()
    modules = {path.relative_to(library).as_posix(): path for path in imported(code.values(), library)}
    return {
        "code": {name: digest(source) for name, source in code.items()},
        "library": {name: sha256_file(path) for name, path in modules.items()},
        "parameters": {
            name: value
            for name, value in parameters.model_dump().items()
            if name not in parameters.speed and name != "edition"
        },
        "inputs": {
            **{f"stage {stem}": digest(key) for stem, key in needs.items()},
            **{path.relative_to(paths.root()).as_posix(): sha256_file(path) for path in _committed(modules)},
            **{value: _signature(name, value) for name, value in _places(parameters).items()},
        },
        # GPU builds of torch are not in the lock, and nobody is kept from installing past it. Changes of our own
        # code show above, file by file.
        "versions": {name: version for name, version in provenance.versions().items() if name != "smallbert"},
    }


def reasons(old: Key | None, new: Key) -> list[str]:
    """Why a stage keyed ``old`` (None: it never finished) must run to become ``new``; empty if it need not."""
    if old is None:
        return ["new"]
    return [
        _reason(part, name, old.get(part, {}).get(name), pieces.get(name))
        for part, pieces in new.items()
        for name in sorted({*pieces, *old.get(part, {})})
        if old.get(part, {}).get(name) != pieces.get(name)
    ]


def imported(sources: Iterable[str], library: Path) -> list[Path]:
    """Library files that the code in ``sources`` imports, directly or through others, in order of name.

    The report's own machinery (``report/``, ``cli/``) is left out: it runs notebooks and is not their content.
    Code that cannot be parsed (IPython magics) counts as importing everything.
    """
    modules = _modules(library)
    found: set[str] = set()
    try:
        waiting = [name for source in sources for name in _imports(source, "")]
    except SyntaxError:
        waiting = list(modules)
    while waiting:
        name = waiting.pop()
        waiting.extend([above] if (above := name.rpartition(".")[0]) else [])  # its packages run before it
        if name in found or name not in modules or name.split(".")[1:2] in (["report"], ["cli"]):
            continue
        found.add(name)
        path = modules[name]
        package = name if path.name == "__init__.py" else above
        waiting.extend(_imports(path.read_text(encoding="utf-8"), package))
    return sorted(modules[name] for name in found)


def _statements(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All statements: most of a tree is expressions, which import nothing."""
    for node in nodes:
        yield node
        for inner in ("body", "handlers", "orelse", "finalbody", "cases"):
            yield from _statements(getattr(node, inner, ()))


def _modules(library: Path) -> dict[str, Path]:
    """The library's files by the name that imports them."""
    inner = {path: path.relative_to(library).with_suffix("").parts for path in library.rglob("*.py")}
    return {".".join(("smallbert", *parts)).removesuffix(".__init__"): path for path, parts in inner.items()}


@cache  # most files are imported, directly or not, by every notebook
def _imports(source: str, package: str) -> tuple[str, ...]:
    """Names of our own that a file imports: modules, or what is in them."""
    found = []
    for node in _statements(ast.parse(source).body):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(name for name in dict.fromkeys(found) if name.partition(".")[0] == "smallbert")


def _committed(modules: Iterable[str]) -> list[Path]:
    """Files of the checkout that these modules read, and the lock of the library's packages."""
    read = [path for name in modules if name in READS for path in paths.data().glob(READS[name])]
    candidates = [paths.root() / "requirements.lock", *read, *paths.data().glob("world/**/*")]
    return sorted(path for path in candidates if path.is_file())


def _places(parameters: Parameters) -> dict[str, str]:
    values = {name: getattr(parameters, name) for name in parameters.places}
    return {name: value for name, value in values.items() if Path(value).is_absolute() or hub.local(value)}


def _signature(name: str, place: str) -> str:
    """Digest of the names, sizes and times of all files behind a place: cheap where contents are gigabytes.

    The time of the last change of any kind too, which no program can set back.
    """
    behind = description.files(place) if name == "tasks" else sources.files(place)
    stats = [(path, path.stat()) for path in behind]
    return digest([[path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns] for path, stat in stats])


def _reason(part: str, name: str, old: Any, new: Any) -> str:
    if part == "parameters":
        return f"parameter {name} changed from {old!r} to {new!r}"
    if part == "versions" and old and new:
        return f"{name} version changed from {old} to {new}"
    noun = {"code": "notebook", "library": "library", "inputs": "input", "versions": "version of"}[part]
    verb = "added" if old is None else "gone" if new is None else "changed"
    return f"{noun} {name} {verb}"
