"""Files that are larger than they may be are refused before they fill the memory."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.urls import reverse

from questionnaires.dataset.readers import MAX_BYTES


@pytest.mark.parametrize("name", ["import", "questionnaire_bring"])
def test_no_more_is_read_than_may_be_brought(name, persona, visitor, monkeypatch):
    """Uploads of this size lie on the disk: only what is read of them is in memory."""
    sizes = []

    def read(self, size=-1):
        sizes.append(size)
        return self.file.read(size)

    monkeypatch.setattr(TemporaryUploadedFile, "read", read, raising=False)
    file = SimpleUploadedFile("answers.csv", b"question,answer\n" + b"x" * (2 * MAX_BYTES))
    assert visitor.post(reverse(name, args=(persona.pk,)), {"file": file}).status_code in {400, 413}
    assert sizes == [MAX_BYTES + 1]
