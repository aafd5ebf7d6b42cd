"""The cache with Redis, without it, and when it comes back."""

import pytest

from persona_site import cache as site_cache
from persona_site.cache import ForgivingCache
from tests.persona_site.valkey import valkey_running


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(site_cache._Away, "until", 0.0)
    monkeypatch.setattr(site_cache, "AWAY_SECONDS", 0.0)


def made(location) -> ForgivingCache:
    made = ForgivingCache(location, {"KEY_PREFIX": "cache"})
    made._local.clear()
    return made


def test_without_redis_the_process_counts_for_itself(tmp_path, caplog):
    cache = made(f"unix://{tmp_path / 'nobody.sock'}")
    assert cache.add("hits", 1, 60) and not cache.add("hits", 1, 60)
    assert cache.incr("hits") == 2 and cache.get("hits") == 2
    assert cache.get_many(["hits", "other"]) == {"hits": 2}
    cache.clear()
    assert cache.get("hits") is None
    assert "counts for itself" in caplog.text


def test_redis_is_left_alone_for_a_while_after_it_failed(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(site_cache, "AWAY_SECONDS", 60.0)
    cache = made(f"unix://{tmp_path / 'nobody.sock'}")
    for _ in range(5):
        cache.get("hits")
    assert caplog.text.count("The cache is away") == 1


def test_clearing_leaves_the_queues_alone_and_redis_is_used_again_when_it_is_back(tmp_path):
    with valkey_running(tmp_path) as (location, server):
        cache = made(location)
        server.lpush("io", "a task")
        cache.set("page", {"a": 1}, 60)
        assert server.exists("cache:1:page")
        assert cache.get("page") == {"a": 1}
        cache.clear()
        assert cache.get("page") is None and server.llen("io") == 1
    assert cache.get("page") is None and cache.set("page", 2, 60) is None
    with valkey_running(tmp_path) as (_location, server):
        cache.set("page", 3, 60)
        assert server.exists("cache:1:page")
