"""Parts of scripts/hosts_campaign.py; the whole of it takes minutes and root."""

import dataclasses
import sys

import pytest

from scripts import hosts_campaign
from scripts.hosts import network
from scripts.hosts.audit import Audit
from scripts.hosts.cluster import environment
from scripts.hosts.outages import wait

FINE = Audit(
    saves=9, answers_lost=0, messages=3, messages_lost=0, open=0, unanswered=1, runs=2, runs_lost=0,
    versions_damaged=0, moved=1, sent_again=4, wrong=[],
)  # fmt: skip


def test_where_namespaces_are_not_to_be_had_it_says_why(monkeypatch, capsys):
    monkeypatch.setattr(network.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(network.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(sys, "argv", ["hosts_campaign.py"])
    assert hosts_campaign.main() == 0
    assert capsys.readouterr().out == "Skipped: network namespaces with a bridge want root.\n"


def test_a_tool_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(network.shutil, "which", lambda name: None if name == "ip" else name)
    assert network.why_not() == "ip is not installed"


def test_whatever_is_lost_fails_the_campaign():
    assert FINE.fine
    for name in ("answers_lost", "messages_lost", "open", "runs_lost", "versions_damaged"):
        assert not dataclasses.replace(FINE, **{name: 1}).fine
    assert not dataclasses.replace(FINE, wrong=["PUT: 409"]).fine
    assert not dataclasses.replace(FINE, saves=0).fine


def test_machines_differ_in_name_and_folder_alone(tmp_path):
    first, second = (environment(tmp_path, name) for name in ("train1", "train2"))
    assert {name for name in first if first[name] != second[name]} == {"DATA_DIR", "HOST_NAME"}


def test_what_never_happens_is_waited_for_only_so_long():
    assert wait(lambda: False, 0.1) is None
    assert wait(lambda: True, 5) == pytest.approx(0, abs=0.2)
