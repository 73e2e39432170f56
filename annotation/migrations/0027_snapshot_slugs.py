from django.db import migrations, models


def take_the_slugs_of_now(apps, schema_editor):
    """What was frozen before is called from now on what it would have been called today."""
    snapshots = apps.get_model("annotation", "Snapshot").objects.select_related("project")
    for snapshot in snapshots.only("project__slug").iterator():
        snapshot.slug = snapshot.project.slug
        snapshot.save(update_fields=["slug"])


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0026_user_keys"),
    ]

    operations = [
        migrations.AddField(
            model_name="snapshot",
            name="slug",
            field=models.CharField(blank=True, default="", editable=False, max_length=80),
            preserve_default=False,
        ),
        migrations.RunPython(take_the_slugs_of_now, migrations.RunPython.noop, elidable=True),
        migrations.AddConstraint(
            model_name="snapshot",
            constraint=models.CheckConstraint(
                condition=models.Q(("frozen_at__isnull", True)) | ~models.Q(("slug", "")),
                name="snapshot_frozen_has_slug",
            ),
        ),
        migrations.AlterField(
            model_name="snapshotfile",
            name="format",
            field=models.CharField(max_length=40),
        ),
    ]
