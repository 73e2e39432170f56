"""Gather words beside the texts, later, instead of in an index that whoever stores one has to fill.

The triggers belong to the tables and to no guard: texts are noted while guards are lifted too.
"""

from importlib import import_module

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models

before = import_module("annotation.migrations.0015_explorer_indexes")

KINDS = ("prompt", "completion")
# Statement by statement: a row for each text would cost an import more than its words' index saves.
NOTE = """
CREATE FUNCTION note_unread_{kind}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO annotation_unreadtexts (kind, low, high)
        SELECT '{kind}', min(id), max(id) FROM added HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER note_unread AFTER INSERT ON annotation_{kind} REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_unread_{kind}();
ALTER TABLE annotation_{kind}words ADD CONSTRAINT words_of_{kind}_exists
    FOREIGN KEY ({kind}_id) REFERENCES annotation_{kind} (id) ON DELETE CASCADE;
"""
NOTE_ALL = """
INSERT INTO annotation_unreadtexts (kind, low, high)
    SELECT '{kind}', min(id), max(id) FROM annotation_{kind} HAVING count(*) > 0
"""


def note_texts(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    before.forget_words(apps, schema_editor)
    for statement in (NOTE, NOTE_ALL):
        for kind in KINDS:
            schema_editor.execute(statement.format(kind=kind), None)


def note_none(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for kind in KINDS:
        schema_editor.execute(f"DROP FUNCTION note_unread_{kind} CASCADE")
    before.index_words(apps, schema_editor)


def words_of(kind):
    text = models.OneToOneField(
        db_constraint=False,
        on_delete=django.db.models.deletion.DO_NOTHING,
        primary_key=True,
        related_name="gathered",
        serialize=False,
        to=f"annotation.{kind}",
    )
    index = django.contrib.postgres.indexes.GinIndex(fields=["words"], name=f"words_of_{kind}")
    return migrations.CreateModel(
        name=f"{kind.capitalize()}Words",
        fields=[(kind, text), ("words", django.contrib.postgres.search.SearchVectorField())],
        options={"indexes": [index]},
    )


class Migration(migrations.Migration):
    dependencies = [("annotation", "0020_uploads")]

    operations = [
        *map(words_of, KINDS),
        migrations.CreateModel(
            name="UnreadTexts",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("prompt", "Prompt"), ("completion", "Completion")], max_length=10
                    ),
                ),
                ("low", models.BigIntegerField()),
                ("high", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("low__lte", models.F("high"))), name="unread_span"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["prompt", "completion"])),
                        name="unread_kind",
                    ),
                ],
            },
        ),
        migrations.RunPython(note_texts, note_none),
    ]
