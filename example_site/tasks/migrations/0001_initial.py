from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Backfill",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=50, unique=True)),
                (
                    "position",
                    models.TextField(
                        default="", help_text="The token after the last row that is done."
                    ),
                ),
                ("rows", models.BigIntegerField(default=0)),
                (
                    "total",
                    models.BigIntegerField(default=0, help_text="An estimate, for the bar."),
                ),
                ("is_finished", models.BooleanField(default=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
        ),
    ]
