from pathlib import Path

from annotation.importing import Options, Outcome, import_prompts
from annotation.management.imports import ImportCommand
from annotation.models import Import


class Command(ImportCommand):
    kind = Import.Kind.PROMPTS
    help = (
        "Take in prompts from JSON lines, CSV, Parquet or a folder of them: prompt, and if need be "
        "completions and metadata. Those with completions become tasks."
    )

    def take_in(self, file: Path, slug: str, options: Options) -> Outcome:
        return import_prompts(file, slug, options)
