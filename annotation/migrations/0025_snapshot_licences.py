from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0024_snapshot_files"),
    ]

    operations = [
        migrations.AddField(
            model_name="snapshot",
            name="licence",
            field=models.CharField(default="unknown", max_length=100),
        ),
        migrations.AddConstraint(
            model_name="snapshot",
            constraint=models.CheckConstraint(
                condition=models.Q(("licence", ""), _negated=True), name="snapshot_licence"
            ),
        ),
    ]
