"""The data room: what a file is told, what leaves, what is found and mended."""

import io
import json

from django.urls import reverse


def upload(visitor, persona, data, name="a.jsonl"):
    file = io.BytesIO(data)
    file.name = name
    return visitor.post(reverse("import", args=[persona.pk]), {"file": file})


def test_a_training_file_is_told_what_a_service_would_say_of_it(visitor, persona):
    rows = [{"prompt": f"Q: {n}? ->", "completion": f"I say {n}.###", "id": n} for n in "abc"]
    page = upload(visitor, persona, b"\n" + b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    text = page.content.decode()
    assert "Line 2: id will be ignored" in text
    assert "Line 4: This completion does not begin with a space" in text
    assert page.context["report"].own == 3
    table = upload(visitor, persona, b"question,answer\nWho?,Ada.", "a.csv")
    assert table.context["file_findings"] == []
