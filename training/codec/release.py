"""What the weights of a run become: ids and the words of the card. What the pipeline needs beside the run itself."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

_ID = r"^[a-z0-9]+([._-][a-z0-9]+)*$"


class Release(BaseModel):
    """Ids of a model and of the detector that is fitted for it; fields of the model's card."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(pattern=_ID)
    detector: str = Field(pattern=_ID)
    licence: str = Field(min_length=1)
    description: str
    training_data: str
    experimental: bool = True
