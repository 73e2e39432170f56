"""A model small enough to train in a test, and a project that uses it."""

import tempfile
from pathlib import Path

import pytest

from training import backbones


@pytest.fixture(scope="session")
def tiny_folder():
    """Made once on a machine: the same arguments give the same weights."""
    from training.engine.tiny import make_tiny_model

    return make_tiny_model(Path(tempfile.gettempdir()) / "concord-tiny-model-1")


@pytest.fixture
def tiny_model(settings, tiny_folder, tmp_path):
    """The site uses the tiny model and keeps its artefacts in a folder of the test's own."""
    settings.BASE_MODEL = str(tiny_folder)
    settings.ARTEFACTS_DIR = tmp_path / "artefacts"
    backbones._load.cache_clear()
    return tiny_folder
