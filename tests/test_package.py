"""The package as a whole: arrows, sizes, public names, start-up, and what must never be in it."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import itc

ROOT = Path(itc.__file__).parent
MODULES = sorted(p for p in ROOT.rglob("*.py"))
LAYERS = (
    *(
        "concurrency",
        "errors",
        "keys",
        "types",
        "budget",
        "backends",
        "answers",
        "algebra",
        "frontiers",
        "stages",
        "scorers",
        "methods",
    ),
    *("library", "testing", "tasks", "analysis", "runs", "report", "validation", "pricing", "models"),
    *("config", "api", "console", "cli", "__main__"),
)
"""From the ground up: a layer imports those before it."""
STAGES = ("score", "selection", "draws", "judges", "layers", "stopping", "routing", "particles", "search")
"""The folders of stages, from the ground up."""
PROMISED = (
    *("sample", "step", "score", "top", "vote", "resample", "reweight", "identity", "empty", "route", "race"),
    *("parse", "Budget", "Problem", "Candidate", "Population", "run"),
)
HEAVY = ("numpy", "pyarrow", "pydantic", "hydra", "omegaconf", "aiohttp", "sympy", "pandas", "rich", "jinja2")


def layer(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and layer of every import of this package, those inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
            if node.module == "itc":
                names = [f"itc.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            whole, _, rest = name.partition(".")
            if whole == "itc" and rest and rest != "__version__":
                yield node.lineno, rest.partition(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_arrows_go_down_only(path: Path) -> None:
    mine = layer(path)
    if mine == "__init__":
        return
    assert mine in LAYERS, f"{mine} has no place in the order of layers"
    for line, other in imported(ast.parse(path.read_text())):
        assert other in LAYERS, f"{path}:{line} imports itc.{other}"
        assert LAYERS.index(other) <= LAYERS.index(mine), f"{path}:{line}: {mine} must not import {other}"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "stages").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_arrows_between_stages_go_down_only(path: Path) -> None:
    mine = path.relative_to(ROOT / "stages").parts[0].removesuffix(".py")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("itc.stages."):
            other = (node.module or "").split(".")[2]
            assert STAGES.index(other) <= STAGES.index(mine), f"{path}:{node.lineno}: {mine}, {other}"


def test_no_relative_imports() -> None:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}:{node.lineno}"


def test_the_order_of_layers_is_checked() -> None:
    tree = ast.parse(
        "def f():\n    from itc.runs import job\n    import itc.cli\n    from itc import stages, __version__"
    )
    assert list(imported(tree)) == [(2, "runs"), (3, "cli"), (4, "stages")]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_one_idea_a_file(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < 400
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "no module docstring"


@pytest.mark.parametrize(
    "folder", [p.parent for p in MODULES if p.name == "__init__.py"], ids=lambda p: p.name
)
def test_every_package_says_what_it_is(folder: Path) -> None:
    assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), "no package docstring"


@pytest.mark.parametrize("name", PROMISED)
def test_promised_names(name: str) -> None:
    assert name in itc.__all__
    assert getattr(itc, name) is not None


def test_public_names() -> None:
    assert sorted(itc.__all__) == list(itc.__all__)
    assert len(set(itc.__all__)) == len(itc.__all__)
    assert set(itc.__all__) <= set(dir(itc))
    for name in itc.__all__:
        value = getattr(itc, name)
        module = importlib.import_module(itc._HOME[name])
        assert getattr(module, name) is value
    with pytest.raises(AttributeError, match="no attribute 'smaple'"):
        itc.smaple  # noqa: B018


def test_names_for_the_type_checker_are_the_public_ones() -> None:
    """What a type checker sees under TYPE_CHECKING is what the lazy import gives."""
    body = ast.parse((ROOT / "__init__.py").read_text()).body
    (guarded,) = [n for n in body if isinstance(n, ast.If)]
    seen = {}
    for node in guarded.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name, "a re-export says `as` itself"
            seen[alias.name] = node.module
    assert seen == itc._HOME


def fresh(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_is_light() -> None:
    loaded = set(fresh("import itc, sys; print(*sys.modules)").split())
    assert not loaded & set(HEAVY)
    assert not [m for m in loaded if m.startswith("itc.")]


def test_composing_needs_no_heavy_module() -> None:
    """Strategies are values: making and printing one loads no client, no table and no grammar."""
    loaded = set(fresh("import itc, sys; itc.sample(4) >> itc.vote(); print(*sys.modules)").split())
    assert not loaded & (set(HEAVY) - {"numpy"})


def test_star_import() -> None:
    code = "from itc import *\nimport itc\nprint(all(n in globals() for n in itc.__all__))"
    assert fresh(code).strip() == "True"


def test_every_module_imports_by_itself() -> None:
    """In an order of its own: no module works only because another was imported before it."""
    names = [".".join(p.relative_to(ROOT.parent).with_suffix("").parts) for p in MODULES]
    names = [n.removesuffix(".__init__") for n in names]
    code = (
        "import importlib, sys\n"
        "for name in reversed(sys.stdin.read().split()):\n"
        "    for m in [m for m in sys.modules if m.split('.')[0] == 'itc']: del sys.modules[m]\n"
        "    importlib.import_module(name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=" ".join(names),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_executes_text(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in FORBIDDEN_CALLS, f"line {node.lineno}: {node.func.id}"
        if isinstance(node, ast.Import):
            names = {alias.name.partition(".")[0] for alias in node.names}
            assert not names & FORBIDDEN_MODULES, f"line {node.lineno}"
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] not in FORBIDDEN_MODULES, f"line {node.lineno}"


def test_no_configuration_names_code() -> None:
    configs = ROOT.parent / "configs"
    files = [*MODULES, *configs.rglob("*.yaml"), *configs.rglob("*.yml")]
    assert len(files) > len(MODULES)
    for path in files:
        for at, line in enumerate(path.read_text().splitlines(), 1):
            assert not re.search(r"""^\s*["']?_target_["']?\s*:""", line), f"{path}:{at}"
            if path.suffix != ".py":
                assert not re.search(r"!!python|_target_", line), f"{path}:{at}"
                assert not line.strip().startswith(("eval", "exec")), f"{path}:{at}"


def test_no_module_level_randomness() -> None:
    """Randomness belongs to the candidate: nothing draws from the interpreter's own generator."""
    drawing = {"random", "randrange", "randint", "choice", "choices", "shuffle", "sample", "uniform", "seed"}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                drawn = isinstance(owner, ast.Name) and owner.id == "random" and node.func.attr in drawing
                assert not drawn, f"{path}:{node.lineno}"
