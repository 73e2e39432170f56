from pathlib import Path

from annotation.importing import Options, Outcome, import_rankings
from annotation.management.imports import ImportCommand


class Command(ImportCommand):
    help = (
        "Take in rankings from JSON lines: prompt, completions and ranks; or prompt, chosen and "
        "rejected; or chosen and rejected as whole dialogues. They may say id, annotator, "
        "guideline and metadata too; beside ranks, unacceptable, strengths, labels, comment and "
        "seconds; beside chosen, chosen_model, rejected_model and strength."
    )

    def take_in(self, file: Path, slug: str, options: Options) -> Outcome:
        return import_rankings(file, slug, options)
