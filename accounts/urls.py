"""Addresses of this room. What stands below accounts/ is allauth's."""

from django.urls import include, path

from accounts import people_views, views

urlpatterns = [
    path("account/", views.account, name="account"),
    path("account/claim/", views.claim, name="account_claim"),
    path("people/", people_views.people, name="people"),
    path("people/<int:pk>/", people_views.person, name="person"),
    path("people/<int:pk>/limits/", people_views.limits, name="limits"),
    path("people/invitations/", people_views.invite, name="invite"),
    path("people/invitations/<uuid:invitation_id>/revoke/", people_views.revoke, name="invitation_revoke"),
    path("invitation/", people_views.invitation, name="invitation"),
    path("accounts/", include("allauth.urls")),
]
