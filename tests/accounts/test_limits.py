"""A person's limits on the administrator's page."""

from django.urls import reverse

from accounts.quotas import limit_of


def test_limits_are_set_and_emptied(visitor, member, invitation_mode):
    page, usual = reverse("limits", args=[member.pk]), limit_of(user=member, kind="trainings")
    assert visitor.post(page, {"trainings": "3", "money_a_day": "1.50"}).url == reverse("people")
    assert (limit_of(user=member, kind="trainings"), limit_of(user=member, kind="money_a_day")) == (3, 1.5)
    assert 'value="3"' in visitor.get(page).content.decode()
    visitor.post(page, {"trainings": ""})
    assert limit_of(user=member, kind="trainings") == usual


def test_what_is_no_number_is_said(visitor, member):
    reply = visitor.post(reverse("limits", args=[member.pk]), {"trainings": "-1"})
    assert reply.status_code == 400
    assert "greater than or equal to 0" in reply.content.decode()


def test_others_find_no_limits(member, owner, client_of):
    assert client_of(member).post(reverse("limits", args=[owner.pk]), {"trainings": "3"}).status_code == 404
