from django.db import migrations, models


def take_the_titles_of_now(apps, schema_editor):
    """What was frozen before says from now on what it would have said today."""
    snapshots = apps.get_model("annotation", "Snapshot").objects.select_related("project")
    for snapshot in snapshots.only("project__name", "project__traits").iterator():
        snapshot.title = snapshot.project.name or snapshot.project.slug
        snapshot.traits = list(snapshot.project.traits)
        snapshot.save(update_fields=["title", "traits"])


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0021_words"),
    ]

    operations = [
        migrations.AddField(
            model_name="snapshot",
            name="title",
            field=models.CharField(blank=True, default="", editable=False, max_length=200),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="snapshot",
            name="traits",
            field=models.JSONField(default=list, editable=False),
        ),
        migrations.RunPython(take_the_titles_of_now, migrations.RunPython.noop, elidable=True),
        migrations.AddConstraint(
            model_name="snapshot",
            constraint=models.CheckConstraint(
                condition=models.Q(("frozen_at__isnull", True)) | ~models.Q(("title", "")),
                name="snapshot_frozen_has_title",
            ),
        ),
    ]
