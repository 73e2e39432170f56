"""What was stored is at temperature 1."""

from django.db import migrations, models


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
    ]
