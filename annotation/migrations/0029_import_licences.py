from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0028_snapshot_editions"),
    ]

    operations = [
        migrations.AddField(
            model_name="import",
            name="licence",
            field=models.CharField(default="unknown", max_length=100),
        ),
    ]
