"""Addresses of the shelf, the writing room and the data room."""

from django.urls import path

from questionnaires import (
    data_views,
    export_views,
    history_views,
    mend_views,
    own_views,
    saving_views,
    sharing_views,
    views,
)

urlpatterns = [
    path("p/<uuid:persona_id>/answers/<slug:slug>/", saving_views.answer, name="answer"),  # first: it is asked for most
    path("", views.home, name="home"),
    path("personas/", views.personas, name="personas"),
    path("personas/demo/", views.demo_restore, name="demo_restore"),
    path("p/<uuid:persona_id>/delete/", views.persona_delete, name="persona_delete"),
    path("p/<uuid:persona_id>/agreed/", views.persona_agree, name="persona_agree"),
    path("p/<uuid:persona_id>/write/", views.write, name="write"),
    path("p/<uuid:persona_id>/write/new/", views.question_new, name="question_new"),
    path("p/<uuid:persona_id>/questionnaires/", history_views.questionnaires, name="questionnaires"),
    path("p/<uuid:persona_id>/weekly/", views.weekly, name="weekly"),
    path("p/<uuid:persona_id>/questions/", own_views.own_questions_page, name="own_questions"),
    path("p/<uuid:persona_id>/questions/<slug:slug>/", own_views.question_edit, name="question_edit"),
    path("p/<uuid:persona_id>/questions/<slug:slug>/delete/", own_views.question_delete, name="question_delete"),
    path("p/<uuid:persona_id>/questionnaires/new/", own_views.questionnaire_new, name="questionnaire_new"),
    path("p/<uuid:persona_id>/questionnaires/bring/", sharing_views.bring, name="questionnaire_bring"),
    path(
        "p/<uuid:persona_id>/questionnaires/bring/<uuid:upload_id>/",
        sharing_views.bring_confirm,
        name="questionnaire_bring_confirm",
    ),
    path("p/<uuid:persona_id>/questionnaires/<uuid:questionnaire_id>/", own_views.questionnaire, name="questionnaire"),
    path(
        "p/<uuid:persona_id>/questionnaires/<uuid:questionnaire_id>/order/",
        own_views.questionnaire_order,
        name="questionnaire_order",
    ),
    path(
        "p/<uuid:persona_id>/questionnaires/<uuid:questionnaire_id>/add/",
        own_views.questionnaire_add,
        name="questionnaire_add",
    ),
    path(
        "p/<uuid:persona_id>/questionnaires/<uuid:questionnaire_id>/delete/",
        own_views.questionnaire_delete,
        name="questionnaire_delete",
    ),
    path(
        "p/<uuid:persona_id>/questionnaires/<slug:slug>/file/<slug:file_format>/",
        sharing_views.share,
        name="questionnaire_file",
    ),
    path("p/<uuid:persona_id>/write/find/", history_views.find, name="find"),
    path("p/<uuid:persona_id>/write/<slug:slug>/", views.question, name="question"),
    path("p/<uuid:persona_id>/write/<slug:slug>/history/", history_views.history, name="history"),
    path("p/<uuid:persona_id>/data/", data_views.data, name="data"),
    path("p/<uuid:persona_id>/data/export/<slug:file_format>/", export_views.export, name="export"),
    path("p/<uuid:persona_id>/data/take/", export_views.take, name="take"),
    path("p/<uuid:persona_id>/data/finding/", data_views.finding, name="finding"),
    path("p/<uuid:persona_id>/data/mend/", mend_views.mend, name="mend"),
    path("p/<uuid:persona_id>/data/mend/undo/", mend_views.undo, name="mend_undo"),
    path("p/<uuid:persona_id>/data/compare/", mend_views.compare, name="compare"),
    path("p/<uuid:persona_id>/data/map/", data_views.coverage, name="coverage"),
    path("p/<uuid:persona_id>/data/card/", data_views.card, name="card"),
    path("p/<uuid:persona_id>/data/import/", data_views.import_upload, name="import"),
    path("p/<uuid:persona_id>/data/import/<uuid:upload_id>/", data_views.import_confirm, name="import_confirm"),
    path("p/<uuid:persona_id>/data/import/<uuid:upload_id>/who/", data_views.import_person, name="import_person"),
]
