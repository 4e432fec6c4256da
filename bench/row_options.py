"""The own options of a row, read with the model that its method declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from privtalk.core.errors import UserError
from privtalk.core.frozen import Frozen


def row_options(row: str, model: type[Frozen], *given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns all options of a row, the later of `given` over the earlier; a `UserError` names a wrong one.

    >>> class Options(Frozen):
    ...     parts: int = 1
    >>> row_options("mine", Options, {"parts": 2})
    {'parts': 2}
    """
    merged = {name: value for options in given for name, value in options.items()}
    try:
        return model.model_validate(merged).model_dump(mode="json")
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise UserError(f"options.{row}.{where}: {fault['msg']}") from error
