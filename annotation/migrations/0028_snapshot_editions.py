from django.db import migrations, models


class Migration(migrations.Migration):
    """What was frozen before goes on going out by the first edition of the rules."""

    dependencies = [
        ("annotation", "0027_snapshot_slugs"),
    ]

    operations = [
        migrations.AddField(
            model_name="snapshot",
            name="edition",
            field=models.PositiveSmallIntegerField(default=1, editable=False),
        ),
        migrations.AlterField(
            model_name="snapshot",
            name="edition",
            field=models.PositiveSmallIntegerField(default=2, editable=False),
        ),
    ]
