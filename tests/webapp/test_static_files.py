"""Static files are gathered anew when any has changed, and only then."""

import os

import pytest

from webapp import static_files


@pytest.fixture
def source(tmp_path, settings):
    (tmp_path / "source").mkdir()
    settings.STATICFILES_DIRS = [tmp_path / "source"]
    settings.STATIC_ROOT = tmp_path / "root"
    made = tmp_path / "source" / "a.js"
    made.write_text("1;")
    return made


@pytest.fixture
def calls(monkeypatch, settings):
    made = []

    def collect(*args, **options):
        settings.STATIC_ROOT.mkdir(exist_ok=True)
        made.append(args)

    monkeypatch.setattr(static_files, "call_command", collect)
    return made


def test_what_is_gathered_is_not_gathered_again(source, calls):
    static_files.collect_static()
    static_files.collect_static()

    assert len(calls) == 1


def test_a_file_that_has_changed_is_gathered(source, calls):
    static_files.collect_static()
    os.utime(source, (1, 1))
    static_files.collect_static()

    assert len(calls) == 2


def test_gathering_that_was_cut_short_is_done_again(source, calls, monkeypatch):
    def cut_short(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(static_files, "call_command", cut_short)
        with pytest.raises(KeyboardInterrupt):
            static_files.collect_static()
    static_files.collect_static()

    assert len(calls) == 1
