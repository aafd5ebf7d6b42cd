"""Tables in words, for pages and receipts."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

WORDS = {
    "questionnaires.Persona": gettext_noop("portraits"),
    "questionnaires.Question": gettext_noop("questions of your own"),
    "questionnaires.Questionnaire": gettext_noop("questionnaires of your own"),
    "questionnaires.QuestionnaireItem": gettext_noop("places in questionnaires"),
    "questionnaires.Answer": gettext_noop("answers"),
    "questionnaires.AnswerRevision": gettext_noop("texts of answers, earlier ones included"),
    "questionnaires.AnswerVectors": gettext_noop("answers as numbers (vectors)"),
    "questionnaires.Comparison": gettext_noop("comparisons of answers"),
    "questionnaires.LeftFinding": gettext_noop("findings left as they are"),
    "questionnaires.WeeklyQuestion": gettext_noop("questions of the week"),
    "training.Connection": gettext_noop("connections to providers"),
    "training.UploadedFile": gettext_noop("files that programs brought"),
    "training.TrainingRun": gettext_noop("trainings"),
    "training.RunEvent": gettext_noop("lines of trainings' progress"),
    "training.PersonaModel": gettext_noop("versions"),
    "chat.Conversation": gettext_noop("conversations"),
    "chat.Message": gettext_noop("messages"),
    "chat.Correction": gettext_noop("corrections"),
    "chat.BlindPair": gettext_noop("blind comparisons"),
    "chat.PersonaShare": gettext_noop("shares"),
    "chat.ShareGuest": gettext_noop("people in shares"),
    "chat.TranslationSetup": gettext_noop("settings of translation"),
    "chat.TranslatedText": gettext_noop("translated texts"),
    "chat.TelegramAccount": gettext_noop("Telegram links"),
    "fidelity.ItemAnswer": gettext_noop("answers to films and choices"),
    "fidelity.Report": gettext_noop("likeness reports"),
    "fidelity.ReportItem": gettext_noop("items of likeness reports"),
    "fidelity.FriendLink": gettext_noop("links for friends"),
    "fidelity.FriendQuestion": gettext_noop("questions for friends"),
    "fidelity.FriendGuess": gettext_noop("guesses of friends"),
    "privacy.ArchiveJob": gettext_noop("archives"),
    "privacy.Retention": gettext_noop("settings of how long things are kept"),
    "accounts.AuditEvent": gettext_noop("lines of the audit trail"),
    "api.ApiToken": gettext_noop("programs' keys"),
}


def table_in_words(label: str) -> str:
    """In the reader's language; a table without words by its name."""
    return _(WORDS[label]) if label in WORDS else label
