"""What ends a sharing, and what goes with it."""

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from django.urls import reverse
from django.utils import timezone

from chat import replies
from chat.models import Conversation, Message, PersonaShare
from chat.sharing import shares
from chat.sharing.shares import Terms, share_create, share_revoke, visits_purge
from questionnaires.models import Persona
from questionnaires.services import persona_delete
from tests.chat.sharing.visiting import Guest

pytestmark = pytest.mark.django_db


def test_ending_it_deletes_what_was_said_and_shuts_the_door(guest, engine, told, version, visitor, persona, link):
    guest.say()
    visitor.post(reverse("share_revoke", args=[persona.pk, link[0].pk]))
    assert guest.come().status_code == 404
    assert not Conversation.objects.exists()
    share = PersonaShare.objects.get()
    assert (share.talks, share.messages) == (1, 1)  # the counts stay
    visitor.post(reverse("share_delete", args=[persona.pk, share.pk]))
    assert not PersonaShare.objects.exists()


def test_a_reply_under_way_ends_when_the_sharing_does(guest, engine, told, version, link):
    """Neither a further word nor the finished reply comes out of a stream that was open."""
    engine.replies, engine.pause = [[f" word{number}" for number in range(400)]], 0.02
    posted = guest.post().json()
    browser = AsyncClient()
    browser.cookies = guest.browser.cookies

    async def watch():
        from asgiref.sync import sync_to_async

        response = await browser.get(posted["stream"])
        heard = []
        async for event in response.streaming_content:
            heard.append(event.decode())
            if "word3" in heard[-1]:
                await sync_to_async(share_revoke)(share=link[0])
        return heard

    heard = async_to_sync(watch)()
    assert "word3" in "".join(heard)
    assert "word399" not in "".join(heard)
    assert '"state": "gone"' in heard[-1]
    assert "This talk is closed" in heard[-1]
    assert engine.gone.wait(2)


def test_a_reply_that_was_not_begun_in_time_is_not_made(guest, engine, told, version):
    guest.post()
    PersonaShare.objects.update(expires_at=timezone.now())
    reply = Message.objects.get(role="persona")
    async_to_sync(replies.reply_write)(reply=reply)
    reply.refresh_from_db()
    assert reply.state == "failed"
    assert not engine.requests


def test_talks_of_what_is_over_and_silent_talks_are_purged(make, engine, told, version, no_hurry):
    visitors = [Guest(make()[1]) for _place in range(3)]
    for visitor in visitors:
        visitor.come()
        visitor.say()
    expired, silent, open_one = (visitor.talk for visitor in visitors)
    PersonaShare.objects.filter(conversations=expired).update(expires_at=timezone.now())
    Conversation.objects.filter(pk=silent).update(active_at=timezone.now() - shares.SILENT_FOR - timedelta(hours=1))
    assert visits_purge() == 2
    assert list(Conversation.objects.values_list("pk", flat=True)) == [open_one]


def test_a_persona_goes_with_its_shares_and_another_one_stays(guest, engine, told, version, persona, owner):
    other = Persona.objects.create(owner=owner, name="Bo")
    share_create(persona=other, terms=Terms())
    guest.say()
    persona_delete(persona=persona)
    assert [share.persona for share in PersonaShare.objects.all()] == [other]
    assert not Conversation.objects.exists()
    assert guest.come().status_code == 404
