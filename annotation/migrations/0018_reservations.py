"""Let an assignment be reserved for a moment before it begins."""

from django.db import migrations, models

STATES = ["reserved", "open", "submitted", "skipped", "released", "expired"]


class Migration(migrations.Migration):
    dependencies = [("annotation", "0017_guideline_quizzes")]

    operations = [
        migrations.RemoveConstraint(model_name="assignment", name="assignment_state"),
        migrations.AlterField(
            model_name="assignment",
            name="state",
            field=models.CharField(
                choices=[(state, state.capitalize()) for state in STATES],
                default="open",
                max_length=9,
            ),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "reserved")),
                fields=("annotator",),
                name="assignment_one_reserved",
            ),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", STATES)), name="assignment_state"
            ),
        ),
    ]
