from pathlib import Path

from annotation.importing import Options, Outcome, import_prompts
from annotation.management.imports import ImportCommand


class Command(ImportCommand):
    help = (
        "Take in prompts from JSON lines (prompt, and if need be completions and metadata) or "
        "from CSV with a column prompt. Those with completions become tasks."
    )

    def take_in(self, file: Path, slug: str, options: Options) -> Outcome:
        return import_prompts(file, slug, options)
