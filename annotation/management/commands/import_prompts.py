from annotation import importing
from annotation.management.imports import ImportCommand


class Command(ImportCommand):
    help = (
        "Take in prompts from JSON lines (prompt, and if need be completions and metadata) or "
        "from CSV with a column prompt. Those with completions become tasks."
    )
    verb = staticmethod(importing.import_prompts)
