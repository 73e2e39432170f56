from annotation import importing
from annotation.management.imports import ImportCommand


class Command(ImportCommand):
    help = (
        "Take in rankings from JSON lines: prompt, completions and ranks; or prompt, chosen and "
        "rejected; or chosen and rejected as whole dialogues."
    )
    verb = staticmethod(importing.import_rankings)
