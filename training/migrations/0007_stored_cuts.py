"""What was stored is of rows cut to the default length, or is made anew."""

from django.db import migrations, models
from django.db.models import F, Value
from django.db.models.functions import Concat

USUAL = 1024  # tokens: what readings and rounds that say nothing are cut to


def name_the_cut(apps, schema_editor):
    """Keep what was surely cut to the usual length; forget the rest, which was stored by whichever
    round came first."""
    rounds = apps.get_model("training", "Round").objects
    other: dict[int, int] = {}  # by reward model
    projects = set()
    told = rounds.values_list("project_id", "reward_model_id", "configuration")
    for project, model, configuration in told.iterator():
        most = configuration.get("reward", {}).get("max_tokens", USUAL)
        if most != USUAL:
            projects.add(project)
            other |= {model: most} if model else {}
    for name in ("Feature", "LogProb"):
        rows = apps.get_model("training", name).objects
        rows.filter(completion__prompt__project__in=projects).delete()
    apps.get_model("training", "LiveHead").objects.filter(project__in=projects).update(read_to=0)
    reward_models = apps.get_model("training", "RewardModel").objects
    for model, most in other.items():
        _add(reward_models.filter(pk=model), most)
    _add(reward_models.exclude(pk__in=other), USUAL)
    for name in ("Feature", "LiveHead"):
        _add(apps.get_model("training", name).objects.all(), USUAL)


def _add(rows, most):
    rows.update(encoder=Concat(F("encoder"), Value(f":{most}")))


def forget(apps, schema_editor):
    """Without the cut in their names, rows of different cuts would meet."""
    for name in ("Feature", "LogProb"):
        apps.get_model("training", name).objects.all().delete()
    for name in ("LiveHead", "RewardModel"):
        for each in apps.get_model("training", name).objects.all():
            each.encoder = each.encoder.rpartition(":")[0]
            each.save(update_fields=["encoder"])
    apps.get_model("training", "LiveHead").objects.update(read_to=0)


class Migration(migrations.Migration):
    dependencies = [
        ("training", "0006_training_curves"),
    ]

    operations = [
        migrations.RunPython(name_the_cut, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="logprob", name="logprob_once"),
        migrations.AddField(
            model_name="logprob",
            name="max_tokens",
            field=models.PositiveIntegerField(default=USUAL),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="logprob",
            constraint=models.UniqueConstraint(
                fields=("completion", "reference", "template", "max_tokens"), name="logprob_once"
            ),
        ),
        # Last, and so first on the way back: before the narrower constraint holds again.
        migrations.RunPython(migrations.RunPython.noop, forget),
    ]
