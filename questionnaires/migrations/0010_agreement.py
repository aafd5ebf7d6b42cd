from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('questionnaires', '0009_made_from'),
    ]

    operations = [
        migrations.AddField(
            model_name='persona',
            name='agreed_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
