"""What the account pages ask about the site."""

import ipaddress
from typing import Any

from django import template
from django.conf import settings
from django.forms import BoundField
from django.http import HttpRequest
from django.http.request import split_domain_port

from accounts.adapter import Adapter
from accounts.claiming import somebody_can_log_in

register = template.Library()
BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"))
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


@register.filter
def input_of(field: BoundField) -> str:
    """The field without the grey words inside, which only repeat its label."""
    return field.as_widget(attrs={"placeholder": False})


@register.filter
def browser_of(user_agent: str) -> str:
    """ "Firefox, Linux" for what a browser calls itself; its own words where they say neither."""
    names = [next((name for mark, name in of if mark in user_agent), "") for of in (BROWSERS, SYSTEMS)]
    return ", ".join(filter(None, names)) or user_agent[:60]


@register.simple_tag(takes_context=True)
def may_sign_up(context: dict[str, Any]) -> bool:
    """Whether this visitor may make an account."""
    request: HttpRequest = context["request"]
    return Adapter(request).is_open_for_signup(request)


@register.simple_tag
def has_mail() -> bool:
    """Whether letters can be sent."""
    return bool(settings.HAS_MAIL)


@register.simple_tag
def is_single() -> bool:
    """Whether this installation belongs to one person and shows no accounts."""
    return bool(settings.SIGN_UP == "off")


@register.simple_tag
def can_log_in() -> bool:
    """Whether a log-in page is of use to anybody."""
    return somebody_can_log_in()


@register.simple_tag(takes_context=True)
def named_address(context: dict[str, Any]) -> str:
    """The same page under a name, where it was opened by an IP address, which no passkey can belong to; else empty."""
    request: HttpRequest = context["request"]
    host, port = split_domain_port(request.get_host())
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return ""
    return f"{request.scheme}://localhost{f':{port}' if port else ''}{request.get_full_path()}"
