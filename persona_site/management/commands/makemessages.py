"""`manage.py makemessages`: also collects the sentences of the pure data set package, which imports no Django."""

from django.core.management.commands.makemessages import Command as Django


class Command(Django):
    xgettext_options = [*Django.xgettext_options, "--keyword=ImportFailure:1", "--keyword=JsonlError:1"]
