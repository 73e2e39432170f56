from django.db import migrations

OF_REPEATS = ("self_agreement", "gold")


def drop_what_was_not_looked_for(apps, schema_editor):
    """What was measured of a snapshot left repeats and gold out, and so said that there were none:
    such a figure, which rests on nothing, goes."""
    measured = apps.get_model("annotation", "Snapshot").objects.filter(agreement__isnull=False)
    for snapshot in measured.only("agreement").iterator():
        figures = snapshot.agreement.get("figures", {})
        unfounded = [name for name in OF_REPEATS if name in figures and not figures[name].get("n")]
        if unfounded:
            for name in unfounded:
                del figures[name]
            snapshot.save(update_fields=["agreement"])


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0022_snapshot_titles"),
    ]

    operations = [
        migrations.RunPython(
            drop_what_was_not_looked_for, migrations.RunPython.noop, elidable=True
        ),
    ]
