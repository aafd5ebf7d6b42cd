"""How the model server, or a provider in its place, can fail; each message is a sentence for the person."""


class EngineError(Exception):
    """The model server gave no answer; the message is a sentence for the person."""


class EngineStarting(EngineError):
    """Nobody listens yet, or the base model is still being loaded: trying again soon makes sense."""


class EngineTimeout(EngineError):
    """It took too long."""


class EngineBusy(EngineError):
    """It has too much to do at once."""


class ModelUnknown(EngineError):
    """It has no model of that name."""


class RequestRejected(EngineError):
    """It did not accept what it was sent."""


class EngineBroken(EngineError):
    """It failed, or its answer is not what the contract says."""


class ProviderFailed(EngineError):
    """A provider elsewhere gave no answer."""
