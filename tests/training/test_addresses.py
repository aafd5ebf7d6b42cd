"""Which addresses a provider may have."""

import pytest

from training.providers.addresses import AddressRefused, check_address


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1",
        "https://8.8.8.8/v1",
        "http://127.0.0.1:8000/v1",
        "http://[::1]:8000/v1",
        "http://localhost:8000/v1",
        "http://192.168.1.20/v1",
        "https://10.0.0.1",
        "http://no-such-name.invalid/v1",
    ],
)
def test_allowed(url):
    check_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/v1",
        "https://169.254.169.254/latest",
        "http://169.254.1.1",
        "http://0.0.0.0:8000",
        "http://0.1.2.3",
        "http://[::]/",
        "http://[fe80::1%25eth0]/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "https://[2002:a9fe:a9fe::]/",
        "https://[fd00:ec2::254]/",
        "https://100.100.100.200/",
        "https://192.0.0.192/",
        "https://168.63.129.16/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https:///v1",
        "https://user:word@example.com/v1",
        "https://example.com/v1?key=1",
        "https://example.com/v1#part",
        "https://example.com:port/v1",
        "https://exa mple.com/v1",
        "api.example.com",
        "",
    ],
)
def test_refused_with_a_sentence(url):
    with pytest.raises(AddressRefused, match=r"\.$"):
        check_address(url)
