"""The form that makes an account, with or without an invitation."""

from typing import Any

from allauth.account.forms import LoginForm, SignupForm
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import render
from django.utils.translation import gettext as _

from accounts.adapter import INVITATION, invitation_of
from accounts.invitations import invitation_use
from accounts.quota_tables import Quota
from accounts.refusing import Refused


class LogInForm(LoginForm):
    """allauth's, in the words of the book."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("E-mail address")
        self.fields["password"].help_text = ""
        self.fields["remember"].label = _("Stay logged in on this device")


class SignUpForm(SignupForm):
    """allauth's, for the address that was invited."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail address")
        self.fields["password1"].help_text = ""  # the page says it in one line
        self.invitation = invitation_of(context.request)
        if self.invitation and self.invitation.email:
            self.fields["email"].initial = self.invitation.email
            self.fields["email"].widget.attrs["readonly"] = True

    def clean_email(self) -> str:
        email: str = super().clean_email()
        if self.invitation and self.invitation.email and email != self.invitation.email:
            raise ValidationError(_("The invitation is for %s.") % self.invitation.email)
        return email

    def try_save(self, request: HttpRequest) -> Any:
        """The account and the use of its invitation, or neither."""
        try:
            with transaction.atomic():
                user, response = super().try_save(request)
                if user and self.invitation:
                    invitation_use(invitation=self.invitation, user=user)
        except Refused as refused:
            page = render(request, "account/signup_closed.html", {"fault": str(refused)}, status=refused.status)
            raise ImmediateHttpResponse(page) from None
        request.session.pop(INVITATION, None)
        return user, response


class PasskeyForm(AddWebAuthnForm):
    """allauth's; a new passkey logs in by itself unless the person wants it as a second factor alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("A name for it, to tell it from others")
        passwordless = self.fields["passwordless"]
        passwordless.label, passwordless.initial = _("It logs me in by itself, without the password"), True


class QuotaForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes no argument when it runs
    """A person's own limits. Left empty, the installation's counts; 0 means without limit."""

    class Meta:
        model = Quota
        exclude = ("user",)  # noqa: DJ006 (each further limit of the table belongs here, too)
