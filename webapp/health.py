"""Two questions that a supervisor asks: are you up, and can you serve?"""

from collections.abc import Iterator

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation import guards


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Nothing else is asked, so that a slow database restarts nobody."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """503 with a line for each thing that stands in the way of serving."""
    faults = list(_faults())
    body = "".join(f"{fault}\n" for fault in faults) or "ready\n"
    return HttpResponse(body, status=503 if faults else 200, content_type="text/plain")


def _faults() -> Iterator[str]:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            yield "Migrations are not applied. Run: manage.py migrate"
        elif guards.installed() != guards.expected():
            yield "The database's guards are not all in place. Run: manage.py migrate"
    except DatabaseError:
        # The details may name hosts and accounts; they belong into the log alone.
        yield "The database cannot be reached."
