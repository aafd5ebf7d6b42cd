from django.db import migrations, models


class Migration(migrations.Migration):
    """The database fills the columns for the release before, which does not know them."""

    dependencies = [
        ('training', '0004_hosts_and_hashes'),
    ]

    operations = [
        migrations.AlterField(
            model_name='trainingrun',
            name='client_key',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AlterField(
            model_name='trainingrun',
            name='source',
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]
