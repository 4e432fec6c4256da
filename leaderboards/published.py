"""Figures that others published, for orientation: on other data, so never ranked beside measured rows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One system as its authors report it; figures are kept as printed, empty where none is given."""

    system: str
    data: str
    source: str
    psnr: str = ""
    ssim: str = ""
    lpips: str = ""
    fid: str = ""
    other: str = ""


_PRIVFEDTALK = "PrivFedTalk authors' repository (arXiv 2604.08037)"
_DIFFTALK = "DiffTalk (CVPR 2023)"

NOTE = (
    "Published on other data and at other sizes: not comparable with the rows above. The three federated rows "
    "are at noise level and differ in the fifth digit. DiffTalk blends true latents outside the mouth at every "
    "sampling step, so most of its PSNR is copied input. Sync is offset / confidence."
)

ROWS = (
    Published(
        system="PrivFedTalk",
        data="LRS3, 128 px",
        source=_PRIVFEDTALK,
        psnr="7.3395",
        ssim="0.009682",
        lpips="1.3042",
        fid="391.32",
        other="identity 0.0183, jitter 0.19955",
    ),
    Published(
        system="FedAvg",
        data="LRS3, 128 px",
        source=_PRIVFEDTALK,
        psnr="7.3395",
        ssim="0.009683",
        lpips="1.3042",
        fid="391.33",
        other="identity 0.0183, jitter 0.19955",
    ),
    Published(
        system="FedProx",
        data="LRS3, 128 px",
        source=_PRIVFEDTALK,
        psnr="7.3395",
        ssim="0.009683",
        lpips="1.3042",
        fid="391.34",
        other="identity 0.0183, jitter 0.19955",
    ),
    Published(
        system="DiffTalk",
        data="HDTF, 256 px, sets A / B",
        source=_DIFFTALK,
        psnr="34.54 / 34.01",
        ssim="0.950 / 0.950",
        lpips="0.024 / 0.020",
        other="sync −1 / 6.381, −1 / 5.639",
    ),
    Published(
        system="DFRF",
        data="HDTF, sets A / B",
        source=_DIFFTALK,
        psnr="28.60 / 33.57",
        ssim="0.892 / 0.949",
        lpips="0.068 / 0.025",
        other="sync −1 / 5.999, −2 / 4.432",
    ),
    Published(
        system="Wav2Lip",
        data="HDTF, sets A / B",
        source=_DIFFTALK,
        psnr="25.50 / 33.38",
        ssim="0.761 / 0.942",
        lpips="0.140 / 0.027",
        other="sync −2 / 8.936, −3 / 9.385",
    ),
)
