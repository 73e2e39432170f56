"""A model small enough to train in a test, and a project that uses it."""

from hashlib import sha256
from pathlib import Path

import pytest

from training import backbones


@pytest.fixture(scope="session")
def tiny_folder(request):
    """Made once, and again when what makes it changes: the same source gives the same weights."""
    from training.engine import tiny

    source = sha256(Path(tiny.__file__).read_bytes()).hexdigest()[:12]
    return tiny.make_tiny_model(request.config.cache.mkdir("tiny-model") / source)


@pytest.fixture
def tiny_model(settings, tiny_folder, tmp_path):
    """The site uses the tiny model and keeps its artefacts in a folder of the test's own."""
    settings.BASE_MODEL = str(tiny_folder)
    settings.ARTEFACTS_DIR = tmp_path / "artefacts"
    backbones._load.cache_clear()
    return tiny_folder
