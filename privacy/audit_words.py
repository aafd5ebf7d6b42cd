"""Acts of the audit trail in words."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

WORDS = {
    "logged-in": gettext_noop("Logged in"),
    "logged-out": gettext_noop("Logged out"),
    "account-claimed": gettext_noop("Chose an address and a password"),
    "account-made": gettext_noop("Made an account"),
    "password-changed": gettext_noop("Changed the password"),
    "password-reset": gettext_noop("Set a new password by a link"),
    "address-changed": gettext_noop("The e-mail address was changed"),
    "second-factor-added": gettext_noop("Added a passkey, an app or recovery codes"),
    "second-factor-removed": gettext_noop("Removed a passkey, an app or recovery codes"),
    "recovery-codes-made": gettext_noop("Made new recovery codes"),
    "person-activated": gettext_noop("Opened an account again"),
    "person-deactivated": gettext_noop("Closed an account"),
    "administrator-made": gettext_noop("Made somebody administrator"),
    "administrator-unmade": gettext_noop("Took administration from somebody"),
    "limits-changed": gettext_noop("Changed somebody's limits"),
    "password-link-made": gettext_noop("A link for a new password was made"),
    "invitation-made": gettext_noop("Invited somebody"),
    "invitation-used": gettext_noop("Used an invitation"),
    "invitation-revoked": gettext_noop("Took an invitation back"),
    "archive-asked": gettext_noop("Asked for an archive of everything"),
    "archive-made": gettext_noop("Made an archive of everything"),
    "archive-downloaded": gettext_noop("Downloaded an archive"),
    "archive-deleted": gettext_noop("Deleted an archive"),
    "archive-import-asked": gettext_noop("Brought an archive in"),
    "archive-imported": gettext_noop("An archive was brought in"),
    "account-erasure-asked": gettext_noop("Asked to delete everything"),
    "persona-erasure-asked": gettext_noop("Asked to delete a portrait"),
    "account-erased": gettext_noop("Everything of an account was deleted"),
    "persona-erased": gettext_noop("A portrait was deleted"),
    "version-deleted": gettext_noop("A version was deleted"),
    "retention-changed": gettext_noop("Changed how long things are kept"),
    "connection-made": gettext_noop("Entered a key for a provider"),
    "connection-changed": gettext_noop("Changed a connection to a provider"),
    "connection-key-changed": gettext_noop("Entered another key for a provider"),
    "connection-deleted": gettext_noop("Deleted a connection with its key"),
    "dataset-exported": gettext_noop("Downloaded the data set"),
    "version-exported": gettext_noop("Downloaded a version"),
    "share-made": gettext_noop("Shared a portrait"),
    "share-revoked": gettext_noop("Took a share back"),
    "share-deleted": gettext_noop("Deleted a share"),
    "token-made": gettext_noop("Made a key for a program"),
    "token-revoked": gettext_noop("Took a program's key back"),
}


def act_in_words(action: str) -> str:
    """In the reader's language; an act without words by its slug."""
    return _(WORDS[action]) if action in WORDS else action.replace("-", " ").capitalize()
