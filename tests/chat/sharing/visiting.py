"""A visitor of a shared persona, and the addresses of sharing."""

import json
import uuid

from django.test import Client
from django.urls import reverse

GETS = ("shared", "shared_talk", "shared_export", "shared_stream")
POSTS = ("shared_message", "shared_delete", "shared_stop", "shared_warm")
VISITED = dict.fromkeys(GETS, "get") | dict.fromkeys(POSTS, "post")
OF_A_TALK = ("shared_talk", "shared_export", "shared_message", "shared_delete")
OWNED = {"sharing": "get", "share_revoke": "post", "share_delete": "post"}


class Guest:
    """A visitor's browser at a share, without scripts unless it posts JSON."""

    def __init__(self, token, client=None):
        self.token, self.browser, self.talk = token, client or Client(), uuid.uuid4()

    def come(self, **more):
        return self.browser.get(reverse("shared", args=[self.token]), **more)

    def at(self, name, *more):
        return reverse(name, args=[self.token, self.talk, *more])

    def say(self, text="Where are you from?", **more):
        form = {"text": text, "operation": uuid.uuid4().hex} | more
        return self.browser.post(self.at("shared_message"), form, follow=True)

    def post(self, text="Where are you from?", operation="op"):
        body = json.dumps({"text": text, "operation": operation})
        return self.browser.post(self.at("shared_message"), body, content_type="application/json")


def words(response):
    return response.content.decode()
