from django.db import migrations, models

import annotation.models.datasets


def give_each_its_own_key(apps, schema_editor):
    for snapshot in apps.get_model("annotation", "Snapshot").objects.only("pk").iterator():
        snapshot.pseudonym_key = annotation.models.datasets.new_pseudonym_key()
        snapshot.save(update_fields=["pseudonym_key"])


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0006_held_completions"),
    ]

    operations = [
        migrations.AddField(
            model_name="snapshot",
            name="agreement",
            field=models.JSONField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="snapshot",
            name="pseudonym_key",
            field=models.CharField(
                default=annotation.models.datasets.new_pseudonym_key, editable=False, max_length=64
            ),
        ),
        migrations.RunPython(give_each_its_own_key, migrations.RunPython.noop, elidable=True),
    ]
