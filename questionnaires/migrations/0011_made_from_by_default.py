from django.db import migrations, models


class Migration(migrations.Migration):
    """The database fills the column for the release before, which does not know it."""

    dependencies = [
        ('questionnaires', '0010_agreement'),
    ]

    operations = [
        migrations.AlterField(
            model_name='persona',
            name='made_from',
            field=models.CharField(blank=True, db_default='', default='', max_length=10),
        ),
    ]
