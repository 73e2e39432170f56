from pathlib import Path

from annotation.importing import Options, Outcome, import_rankings
from annotation.management.imports import ImportCommand
from annotation.models import Import


class Command(ImportCommand):
    kind = Import.Kind.RANKINGS
    help = (
        "Take in what was judged, from JSON lines, CSV, Parquet or a Hugging Face folder: prompt, "
        "completions and ranks; prompt, chosen and rejected; chosen and rejected as whole "
        "dialogues; prompt, completion and label; or prompt and completion, written by hand. They "
        "may say id, annotator, guideline and metadata too; beside ranks, unacceptable, strengths, "
        "labels, comment and seconds; beside chosen, chosen_model, rejected_model and strength."
    )

    def take_in(self, file: Path, slug: str, options: Options) -> Outcome:
        return import_rankings(file, slug, options)
