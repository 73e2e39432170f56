"""Files of prompts and rankings, taken in whole or not at all.

A file is read twice. The first pass checks every row and writes nothing (``checking``). The
second stores the rows in short transactions under an Import row, whose ``rows_done`` moves in the
same transactions, so that an import that was cut off goes on where it stood (``runs``). What is
stored stays invisible, and its rankings unsealed, until all rows are in: then the database checks
and seals each ranking, and one last flip shows everything at once.
"""

from annotation.importing.runs import (
    Options,
    Outcome,
    Preview,
    import_prompts,
    import_rankings,
    preview,
)
from annotation.importing.tables import Columns

__all__ = [
    "Columns",
    "Options",
    "Outcome",
    "Preview",
    "import_prompts",
    "import_rankings",
    "preview",
]
