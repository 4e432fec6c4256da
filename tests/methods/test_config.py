from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federated.fedprox import FedProx
from privtalk.methods.federated.privfedtalk import PrivFedTalk


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (AdapterConfig, {"rank": 0}),
        (AdapterConfig, {"targets": ()}),
        (AdapterConfig, {"ranks": 2}),
        (FederationConfig, {"rate": 0.0}),
        (FederationConfig, {"rate": 1.5}),
        (FederationConfig, {"lr": float("nan")}),
        (FederationConfig, {"optimizer": "lion"}),
        (FedProx.Options, {"mu": -1.0}),
        (PrivFedTalk.Options, {"lambda_tcd": 0.05}),
        (FedAvg.Options, {"mu": 0.1}),
    ],
)
def test_nonsense_is_refused(model: type[AdapterConfig], values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(values)


def test_names_are_known_without_torch() -> None:
    """The command line lists methods before any heavy import."""
    code = "import sys, privtalk.methods.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
