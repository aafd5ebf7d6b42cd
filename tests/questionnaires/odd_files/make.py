"""Makes the files of this folder: `python -m tests.questionnaires.odd_files.make`.

Each is what some program, person or prankster gives. What must come of it stands in test_odd_files.py.
"""

import io
import json
import zipfile
from pathlib import Path

from tests.questionnaires.dataset.test_formats import workbook

FOLDER = Path(__file__).parent
MARKER = {"prompt": "Q: Who are you? ->", "completion": " Ada.###"}
CHAT = {"messages": [{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": "Ada."}]}
RUSSIAN = [("Кто вы?", "Я Ада, «счетовод»."), ("Где живёте?", "В Генте, у рыбного рынка.")]
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def records(*pairs) -> list[dict[str, str]]:
    return [{"question": question, "answer": answer} for question, answer in pairs]


def lines(*rows) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def table(delimiter=",", pairs=(("Who are you?", "Ada."), ("Where?", "Ghent."))) -> str:
    return "".join(f"{delimiter.join(pair)}\n" for pair in (("question", "answer"), *pairs))


def bomb() -> bytes:
    """A workbook of 60 kB that unpacks to 61 MB."""
    return workbook([["question", "answer"], ["Who?", "Ada."]], padding=b"0" * 61_000_000)


def telegram(*messages) -> dict:
    rows = [{"id": n, "type": "message", "date": f"2024-03-12T10:{n:02}:00", **m} for n, m in enumerate(messages)]
    return {"name": "Ben", "type": "personal_chat", "id": 7, "messages": rows}


TELEGRAM = telegram(
    {"type": "service", "actor": "Ben", "action": "phone_call", "text": ""},
    {"from": "Ben", "text": [{"type": "link", "text": "https://a.example"}, " Where is home?"]},
    {"from": "Ada", "text": "", "photo": "photos/1.jpg"},
    {"from": "Ada", "text": ["In ", {"type": "bold", "text": "Ghent"}, ", still"]},
    {"type": "service", "actor": "Ada", "action": "pin_message", "text": ""},
    {"from": None, "text": "from a deleted account"},
)

ANDROID_US = (
    "3/12/24, 10:15 AM - Messages and calls are end-to-end encrypted.\n"
    "3/12/24, 10:15 AM - Ben: Where do you live now?\n"
    "3/12/24, 10:16 AM - Ada: In Ghent, still,\nbehind the fish market\n"
    "3/12/24, 10:17 AM - Ben: <Media omitted>\n"
)
IOS = (
    "[12.03.24, 10:15:22] Ben: \u200eMessages are encrypted.\n"
    "[12.03.24, 10:15:40] Ben: Where do you live now?\n"
    "\u200e[12.03.24, 10:16:01] Ada: In Ghent, still\n"
)
RUSSIAN_CHAT = (
    "12.03.2024, 10:15 - Сообщения защищены сквозным шифрованием.\n"
    "12.03.2024, 10:15 - Бен: Где ты сейчас живёшь?\n"
    "12.03.2024, 10:16 - Ада: В Генте, всё там же\n"
    "12.03.2024, 10:17 - Ада: <Без медиафайлов>\n"
)


def document() -> bytes:
    """A zip that is no workbook, as a .docx renamed by hand."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("word/document.xml", "<document/>")
    return target.getvalue()


FILES: dict[str, bytes] = {
    "empty.csv": b"",
    "only-spaces.txt": b" \n\t\n \r\n",
    "only-a-bom.csv": b"\xef\xbb\xbf",
    "header-alone.csv": b"question,answer\n",
    "one-row.csv": table(pairs=[("Who are you?", "Ada.")]).encode(),
    "bom.csv": b"\xef\xbb\xbf" + table().encode(),
    "crlf.csv": table().replace("\n", "\r\n").encode(),
    "old-mac.csv": table().replace("\n", "\r").encode(),
    "semicolons.csv": table(";").encode(),
    "tabs.tsv": table("\t").encode(),
    "trailing-comma.json": b'[\n  {"question": "Who?", "answer": "Ada."},\n]\n',
    "trailing-commas.jsonl": b'{"question": "Who?", "answer": "Ada."},\n{"question": "Where?", "answer": "Ghent."},\n',
    "trailing-comma.csv": b"question,answer,\nWho?,Ada.,\nWhere?,Ghent.,\n",
    "line-separator.jsonl": '{"question": "Who?", "answer": "Ada\u2028Lovelace\u0085!"}\n'.encode(),
    "single-quotes.json": b"[{'question': 'Who?', 'answer': 'Ada.'}]",
    "python-list.jsonl": b'{"question": "Who?", "answer": "Ada."}\n{\'question\': \'Where?\', \'answer\': None}\n',
    "utf-16.csv": table(";", RUSSIAN).encode("utf-16"),
    "utf-16-without-bom.csv": table(";", RUSSIAN).encode("utf-16-be"),
    "windows-1251.csv": table(";", [("Вопрос", "Ответ"), *RUSSIAN]).split("\n", 1)[1].encode("windows-1251"),
    "cut-in-a-letter.json": json.dumps(records(*RUSSIAN), ensure_ascii=False).encode()[:40],
    "nested.json": json.dumps({"person": {"name": "Ada"}, "qa": records(("Who?", "Ada."))}, indent=1).encode(),
    "answer-in-an-object.json": b'[{"question": "Who?",\n  "answer": {"text": "Ada."}}]',
    "deep.json": b"[" * 100_000,
    "numbers.json": b'[{"question": 2024, "answer": 37}, {"question": "Why?", "answer": null}]',
    "a-list-of-texts.json": b'[\n"Who?",\n"Ada."\n]',
    "two-objects.json": b'{"question": "Who?", "answer": "Ada."}\n{"question": "Where?", "answer": "Ghent."}\n',
    "a-list.jsonl": json.dumps(records(("Who?", "Ada."), ("Where?", "Ghent."))).encode(),
    "marker.jsonl": lines(MARKER, {"prompt": "Q: A ->B? ->", "completion": " C### D.###"}),
    "foreign-marker.jsonl": lines({"prompt": "Who are you?\n\n###\n\n", "completion": " Ada. END"}),
    "chat.jsonl": lines(CHAT, {"messages": [{"role": "system", "content": "You are Ada."}, *CHAT["messages"]]}),
    "chat-parts.jsonl": lines(
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Who?"}]}, CHAT["messages"][1]]}
    ),
    "chat-without-a-reply.jsonl": lines(CHAT, {"messages": CHAT["messages"][:1]}),
    "mixed-formats.jsonl": lines(MARKER, CHAT, *records(("And you?", "Ben."))),
    "bomb.xlsx": bomb(),
    "workbook.csv": workbook([["Question", "Answer"], ["Who?", "Ada."], ["When?", 1815]]),
    "a-document.xlsx": document(),
    "ten-thousand-and-one.csv": table(pairs=[(f"q{n}", "a") for n in range(10_001)]).encode(),
    "nuls.csv": b"question,answer\nWho\x00 are you?,Ada\x00 \x00Lovelace\n",
    "nuls-alone.csv": b"\x00" * 300,
    "a-picture.csv": PIXEL,
    "unclosed-quote.csv": b'question,answer\nWho?,Ada.\nWhere?,"Ghent.\nWhy?,So.\n',
    "quote-inside.csv": b'question,answer\nWho?,"the "real" Ada"\n',
    "more-cells.csv": b"question,answer\nWho?,Ada, I think.\n",
    "doubled-headers.csv": b"question,answer,answer\nWho?,Ada.,Countess.\n",
    "formulas.csv": b'question,answer\nWho?,"=HYPERLINK(""https://a.example"",""x"")"\nHow many?,\'+1\n',
    "other-columns.csv": b"name,age\nAda,37\n",
    "whatsapp-android.txt": ANDROID_US.encode(),
    "whatsapp-ios.txt": IOS.encode(),
    "whatsapp-russian.txt": RUSSIAN_CHAT.encode(),
    "telegram.json": json.dumps(TELEGRAM, indent=1).encode(),
    "a-poem.txt": b"Roses are red,\nviolets are blue.\n",
}


if __name__ == "__main__":
    for name, data in FILES.items():
        (FOLDER / name).write_bytes(data)
