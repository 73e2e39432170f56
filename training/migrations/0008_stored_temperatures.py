"""What was stored is at temperature 1."""

from django.db import migrations, models


def forget(apps, schema_editor):
    """Without the temperature, only what was stored at 1 is what it is taken for."""
    apps.get_model("training", "LogProb").objects.exclude(temperature=1).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("training", "0007_stored_cuts"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="logprob", name="logprob_once"),
        migrations.AddField(
            model_name="logprob",
            name="temperature",
            field=models.FloatField(default=1.0),
        ),
        migrations.AddConstraint(
            model_name="logprob",
            constraint=models.UniqueConstraint(
                fields=("completion", "reference", "template", "max_tokens", "temperature"),
                name="logprob_once",
            ),
        ),
        # Last, and so first on the way back: before the narrower constraint holds again.
        migrations.RunPython(migrations.RunPython.noop, forget),
    ]
