"""What can go wrong in the engine, each told in one line that a person can act on."""


class EngineError(Exception):
    """Base of every error that the engine raises on purpose."""


class BackboneError(EngineError):
    """A model folder is missing, incomplete, or holds a model that the engine cannot drive."""


class CheckpointDamaged(EngineError):
    """A checkpoint's files do not match its manifest; the message names the file."""


class TrainingDiverged(EngineError):
    """A loss or a gradient is NaN or infinite; nothing of that step was applied or saved."""


class EndpointRefusal(EngineError):
    """A server that was asked for something answered that it will not do it."""

    def __init__(self, message: str, code: int, said: str) -> None:
        super().__init__(message)
        self.code, self.said = code, said
