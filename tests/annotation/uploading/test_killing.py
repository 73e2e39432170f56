"""A worker is killed in the middle of an import, and the next one goes on."""

import time

ROWS = 200
SEND = f"""
import django
django.setup()
import json
from annotation.models import Upload
from annotation.uploading import files
from tests.annotation.interchange import many_rankings
from tests.cast import make_cast
cast = make_cast()
upload = Upload.objects.create(
    project=cast.project, kind="rankings", file_name="a.jsonl", size=1, state="importing",
    started_by=cast.manager,
)
rows = many_rankings({ROWS})
files.path_of(upload).write_text("".join(json.dumps(row) + "\\n" for row in rows))
"""
WORK = """
import django
django.setup()
import time
from annotation.importing import runs
from annotation.importing.batches import Pace
from annotation.uploading.working import work_off
store = runs._store_batch
runs._store_batch = lambda *args: (store(*args), time.sleep(0.05))
Pace.rows = lambda self: 5
while work_off():
    pass
"""
STATE = "SELECT state FROM annotation_upload"
DONE = "SELECT rows_done FROM annotation_import"


def test_an_import_survives_the_death_of_its_worker(database):
    database.env["JOB_LEASE_SECONDS"] = "1"
    database.run("-c", SEND)
    worker = database.start("-c", WORK)
    while database.rows(DONE) in ([], [(0,)]):
        assert worker.poll() is None, worker.communicate()
        time.sleep(0.05)
    worker.kill()
    worker.communicate()
    ((done,),) = database.rows(DONE)
    assert 0 < done < ROWS
    assert database.rows(STATE) == [("importing",)]

    time.sleep(1.5)  # until the lease has run out
    database.run("-c", WORK)

    assert database.rows(STATE) == [("done",)]
    assert database.rows("SELECT COUNT(*) FROM annotation_submission WHERE sealed") == [(ROWS,)]
    assert database.rows("SELECT COUNT(*) FROM annotation_task") == [(ROWS,)]
    assert list((database.folder / "uploads").iterdir()) == []
