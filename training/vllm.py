"""vLLM as the server of replies: a version is loaded by name before it is asked for.

Its documented way (docs.vllm.ai, "LoRA Adapters"): started with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1,
`POST /v1/load_lora_adapter {"lora_name", "lora_path"}` loads an adapter from a folder on its own machine and answers
400 for one that is loaded. The folder is filled there by `manage.py version_files --follow`.
"""

import asyncio
import logging

import httpx2
from django.conf import settings

from training.engines import engine_headers
from training.providers.addresses import tls

logger = logging.getLogger(__name__)

LOAD_SECONDS = 30.0
LOOKS, LOOK_SECONDS = 5, 1.0  # at a version that may be on its way to the server's machine

_loaded: set[tuple[str, str]] = set()


class NotLoaded(Exception):
    """The server has no such version, or another base model: somebody else has to answer."""


async def vllm_load(url: str, model: str) -> None:
    """Makes sure that `model` can be asked for. NotLoaded where it cannot."""
    if (url, model) in _loaded or model == settings.BASE_MODEL:
        return
    for _look in range(LOOKS):
        status, words = await _ask(url, model)
        if status == httpx2.codes.OK or (status == httpx2.codes.BAD_REQUEST and "already" in words):
            _loaded.add((url, model))
            return
        if status != httpx2.codes.NOT_FOUND:
            break
        await asyncio.sleep(LOOK_SECONDS)
    logger.warning("vLLM did not load a version: status %s", status)
    raise NotLoaded(model)


def vllm_forget(url: str, model: str) -> None:
    """The server began anew, or dropped the version: it is loaded again with the next request."""
    _loaded.discard((url, model))


async def _ask(url: str, model: str) -> tuple[int, str]:
    body = {"lora_name": model, "lora_path": f"{settings.VLLM_MODELS_DIR.rstrip('/')}/{model}"}
    try:
        async with httpx2.AsyncClient(verify=tls(), trust_env=False, timeout=LOAD_SECONDS) as client:
            reply = await client.post(f"{url}/v1/load_lora_adapter", json=body, headers=engine_headers())
    except httpx2.HTTPError as error:
        raise NotLoaded(model) from error
    return reply.status_code, reply.text
