"""Counts what tells whether the code is still a house to live in, and prints it.

    python scripts/count_code.py                       this tree
    python scripts/count_code.py ANOTHER_TREE          one that is checked out elsewhere
    python scripts/count_code.py --package onhook.call a part of it
    python scripts/count_code.py --json

It reads the sources and imports none of them, so it counts any version. ``python -m bench.ways`` counts what
a request passes on its way; ``make counts`` runs both.

- Lines of a function are those from its ``def`` to its end, docstring and inner functions included.
- A circle is a set of modules each of which imports each other one, directly or through others. What
  stands behind ``TYPE_CHECKING`` or in a function is an import like any other. ``from a.b import c`` imports
  ``a.b.c`` if that is a module, and ``a.b`` if not.
"""

import argparse
import ast
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
LARGEST = 5
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """A file of the package, parsed. ``name`` is that by which it is imported."""

    name: str
    lines: int
    tree: ast.Module

    def functions(self) -> Iterator[Function]:
        """Methods and inner functions too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def classes(self) -> Iterator[ast.ClassDef]:
        """Inner classes too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))

    def imports(self, names: Iterable[str]) -> set[str]:
        """The modules among ``names`` that it imports, itself excepted."""
        known, found = set(names), set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= {name if name in known else node.module for name in inner}
        return found & known - {self.name}


def modules(source: Path, package: str) -> list[Module]:
    """All modules of a package, in order of name; ``source`` is the folder that is on the path."""
    found = []
    for file in sorted((source / package.replace(".", "/")).rglob("*.py")):
        parts = file.relative_to(source).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = file.read_text(encoding="utf-8")
        found.append(Module(name, len(text.splitlines()), ast.parse(text)))
    return found


def circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """The circles of an import graph, the largest first."""
    reached = {name: _reached(name, imports) for name in imports}
    found = {
        frozenset(other for other in reached[name] if name in reached[other])
        for name in imports
        if name in reached[name]
    }
    return sorted((sorted(circle) for circle in found), key=lambda names: (-len(names), names))


def _reached(start: str, imports: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = imports[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def spread(values: Iterable[int]) -> dict[str, int]:
    """Median, 90th percentile and the largest: of n values in order, those at n/2 and at 9n/10."""
    ordered = sorted(values)
    if not ordered:
        return {"median": 0, "p90": 0, "max": 0}
    at = len(ordered)
    return {"median": ordered[at // 2], "p90": ordered[at * 9 // 10], "max": ordered[-1]}


def _methods(node: ast.ClassDef) -> int:
    return sum(isinstance(inner, Function) for inner in node.body)


def _lines(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def counts(source: Path, package: str) -> dict[str, object]:
    """Everything that is counted, ready for JSON."""
    found = modules(source, package)
    names = [module.name for module in found]
    depth = package.count(".") + 1
    parts = Counter(
        ".".join(name.split(".")[: depth + 1]) for name in names if _below(source, name, depth)
    )
    classes = [(_methods(node), f"{m.name}.{node.name}") for m in found for node in m.classes()]
    return {
        "modules": len(found),
        "modules_a_part": dict(sorted(parts.items())),
        "module_lines": spread(module.lines for module in found),
        "functions": sum(1 for module in found for _ in module.functions()),
        "function_lines": spread(_lines(node) for m in found for node in m.functions()),
        "largest_classes": {
            name: methods for methods, name in sorted(classes, reverse=True)[:LARGEST]
        },
        "circles": circles({module.name: module.imports(names) for module in found}),
    }


def _below(source: Path, name: str, depth: int) -> bool:
    """Whether the module belongs to a part, which is a folder."""
    part = name.split(".")[: depth + 1]
    return len(part) > depth and source.joinpath(*part).is_dir()


def _show(figures: dict[str, object]) -> Iterator[str]:
    for name, value in figures.items():
        title = name.replace("_", " ")
        if name == "circles" and isinstance(value, list):
            yield f"{title}: {len(value)}"
            yield from (f"    {' '.join(circle)}" for circle in value)
        elif isinstance(value, dict):
            yield f"{title}: " + ", ".join(f"{key} {number}" for key, number in value.items())
        else:
            yield f"{title}: {value}"


def main() -> None:
    """Counts a tree, and prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tree", type=Path, nargs="?", default=HERE, help="by default this one")
    parser.add_argument("--package", default="onhook", help="by default onhook")
    parser.add_argument("--json", action="store_true", help="for programs")
    given = parser.parse_args()
    figures = counts(given.tree / "src", given.package)
    if not figures["modules"]:
        sys.exit(f"there is no package {given.package} in {given.tree / 'src'}")
    print(json.dumps(figures, indent=2) if given.json else "\n".join(_show(figures)))


if __name__ == "__main__":
    main()
