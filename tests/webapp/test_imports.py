"""Who may know whom: what the web process loads, and which way the imports point."""

import ast
import json
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.webapp.requirements import normal, read_pins

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "transformers", "peft", "accelerate", "safetensors", "tokenizers", "gguf"}
# The packages named on stdin are as good as not installed: optional ones must not be missed.
LOAD = """
import json, sys
absent = set(json.load(sys.stdin))
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
import django
django.setup()
for name in sys.argv[1:]:
    __import__(name)
from webapp.celery import app
app.loader.import_default_modules()
json.dump(sorted({name.partition(".")[0] for name in sys.modules}), sys.stdout)
"""
# The default worker runs beside the web server, from the same image.
DEFAULT_WORKER = ("training.live", "training.ticking", "training.worker")
WEB = ("webapp.urls", "webapp.wsgi", "training.models", "training.tasks", *DEFAULT_WORKER)


def load(absent=()):
    """Packages in a fresh interpreter that has loaded all that web server and beat load."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *WEB],
        cwd=ROOT,
        input=json.dumps(sorted(absent)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_the_web_process_loads_no_model_library():
    assert not load() & HEAVY


def test_the_web_process_needs_no_more_than_its_requirements():
    pinned = read_pins("requirements-web.txt").keys()
    absent = {
        package
        for package, owners in packages_distributions().items()
        if not {normal(owner) for owner in owners} & pinned
    }

    assert "torch" in absent
    assert "django" not in absent
    assert load(absent)


def imports(path):
    """Every module that a file imports, with its line; also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def offences(folder, forbidden):
    return [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, name in imports(path)
        if any(name == each or name.startswith(f"{each}.") for each in forbidden)
    ]


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("annotation", ["training", "webapp", *HEAVY]),
        ("training", ["webapp"]),
        ("training/models", HEAVY),
        ("training/engine", ["django", "annotation", "webapp", "celery", "rest_framework"]),
        ("webapp", HEAVY),
    ],
)
def test_imports_point_one_way(folder, forbidden):
    assert offences(folder, forbidden) == []


def test_the_check_of_directions_sees_imports_inside_functions(tmp_path):
    module = tmp_path / "module.py"
    module.write_text("def late():\n    from training import models\n")

    assert (2, "training.models") in imports(module)
