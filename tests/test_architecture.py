"""Imports run one way: a module may use only lower floors and its own package (data/ and tests are no part)."""

import ast

import pytest

from smallbert import paths

# Room -> floor. Rooms on one floor do not import each other; on the ground floor they may.
FLOORS = {
    **dict.fromkeys(("arrays", "errors", "paths", "storage", "progress", "runtime", "provenance", "published"), 0),
    **dict.fromkeys(("corpus", "models"), 1),
    **dict.fromkeys(("compress", "knowledge", "measure"), 2),
    **dict.fromkeys(("results", "scale"), 3),
    **dict.fromkeys(("figures", "studies"), 4),
    "report": 5,
    **dict.fromkeys(("cli", "explore"), 6),
}
LIBRARY = paths.root() / "lib" / "smallbert"
MODULES = sorted(path for path in LIBRARY.rglob("*.py") if path != LIBRARY / "__init__.py")


def room(path) -> str:
    return path.relative_to(LIBRARY).parts[0].removesuffix(".py")


def imported_modules(path) -> set[str]:
    """Every module the file imports, at the top or inside a function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def test_every_room_has_a_floor():
    assert {room(path) for path in MODULES} <= set(FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_imports_only_from_lower_floors(path):
    here = room(path)
    for name in imported_modules(path):
        parts = name.split(".")
        if parts[0] != "smallbert" or parts[1:2] in ([], ["__version__"]):
            continue
        there = parts[1]
        allowed = there == here or FLOORS[there] < FLOORS[here] or FLOORS[there] == FLOORS[here] == 0
        assert allowed, f"{path} (floor {FLOORS[here]}) imports {name} (floor {FLOORS[there]})"


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) == "figures"], ids=lambda path: path.name)
def test_figures_draw_without_torch(path):
    assert not {name for name in imported_modules(path) if name.split(".")[0] in ("torch", "transformers")}
