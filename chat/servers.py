"""Which servers a reply is asked of, one after another, and what is noted of one that failed."""

from django.conf import settings

from chat.errors import EngineBroken, EngineBusy, EngineError, EngineStarting, EngineTimeout, ModelUnknown
from training.engines import engine_is_away, engines_for_async
from training.vllm import NotLoaded, vllm_forget, vllm_load

ELSEWHERE = (EngineStarting, EngineTimeout, EngineBusy, EngineBroken, ModelUnknown)  # another server may do better


async def servers_of(model: str) -> list[str]:
    """In the order to try them: those of vLLM write faster, the site's own can serve any version."""
    vllm = settings.VLLM_URLS
    return [*(await engines_for_async(model, vllm) if vllm else ()), *await engines_for_async(model)]


async def make_ready(url: str, model: str) -> None:
    """Has a vLLM server load the version. ModelUnknown where it cannot."""
    if url in settings.VLLM_URLS:
        try:
            await vllm_load(url, model)
        except NotLoaded as error:
            raise ModelUnknown(str(error)) from error


def note_failure(url: str, model: str, error: EngineError) -> None:
    """So that the next request need not find it out again."""
    if url in settings.VLLM_URLS:
        vllm_forget(url, model)
    if isinstance(error, EngineStarting | EngineBroken):  # one that is late has too much to do, and is there
        engine_is_away(url)
