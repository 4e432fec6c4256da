"""The published networks that metrics can read frames with.

A sha256 is that of the file which the named projects publish. torchvision and pytorch-fid put its first eight
digits into the file's name; the others are pinned alike by independent projects that use the same file.
"""

from __future__ import annotations

from dataclasses import dataclass

from privtalk.metrics.weights.errors import WeightsError
from privtalk.metrics.weights.packages import Packaged

TORCHVISION = "https://download.pytorch.org/models/"
INSIGHTFACE = "https://github.com/deepinsight/insightface"
LATENTSYNC = "https://huggingface.co/ByteDance/LatentSync-1.6/resolve/main/auxiliary/"


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A zip file that holds weights among others."""

    file: str
    urls: tuple[str, ...]
    sha256: str | None
    size: int | None
    """Bytes."""
    member: str
    """The weights' name inside."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """One file of weights."""

    name: str
    """The name by which `bench weights` calls it."""
    file: str
    """The name of the file once installed."""
    evaluator: str
    """The name that a metric that uses it has in brackets: `alex` in `lpips[alex]`."""
    metrics: tuple[str, ...]
    """The metrics; none for a helper such as a detector."""
    about: str
    licence: str
    """In words; says `non-commercial` unless `commercial`."""
    commercial: bool
    """Whether the licence is known to allow commercial use."""
    homepage: str
    urls: tuple[str, ...] = ()
    """Addresses of the file itself, best first."""
    archive: Archive | None = None
    """The archive, for a file that is only published inside one."""
    package: Packaged | None = None
    """The package, for a file that pip brings."""
    sha256: str | None = None
    """The hash of the file; None where any network of the same interface will do."""
    size: int | None = None
    """Bytes."""
    interface: str | None = None
    """The `module:Class` that must be able to open the file before it is installed, where no hash is known."""
    extra: str | None = None
    """The optional dependencies that this takes."""

    @property
    def fetchable(self) -> bool:
        """Whether an address or a package is known."""
        return bool(self.urls or self.archive or self.package)

    @property
    def way_out(self) -> str:
        """The command that installs it.

        >>> print(CATALOGUE["pfld"].way_out)
        bench weights add pfld FILE
        """
        local = f"bench weights add {self.name} FILE"
        return f"bench weights fetch {self.name}" if self.fetchable else local


def weights(name: str) -> Weights:
    """The entry of a name; unknown names are answered with the known ones."""
    if name not in CATALOGUE:
        raise WeightsError(f"unknown weights {name!r}; valid: {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def _buffalo(member: str) -> Archive:
    return Archive(
        file="buffalo_l.zip",
        urls=(f"{INSIGHTFACE}/releases/download/v0.7/buffalo_l.zip",),
        sha256="80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
        size=288_621_354,
        member=member,
    )


_BSD = "BSD-3-Clause (torchvision)"
_FACES = "non-commercial research only (insightface's models)"
"""https://pypi.org/project/insightface: the models are 'available for non-commercial research purposes only'."""

_DLIB_MODELS = "https://github.com/davisking/dlib-models"


def _dlib(file: str) -> Packaged:
    return Packaged(
        distribution="face-recognition-models", member=f"face_recognition_models/models/{file}", extra="faces"
    )


CATALOGUE: dict[str, Weights] = {
    "lpips-alex": Weights(
        name="lpips-alex",
        file="alexnet-owt-7be5be79.pth",
        evaluator="alex",
        metrics=("lpips", "lpips_face", "lpips_mouth"),
        about="AlexNet, the trunk of LPIPS (its heads come with the package)",
        licence=_BSD,
        commercial=True,
        homepage="https://github.com/richzhang/PerceptualSimilarity",
        urls=(f"{TORCHVISION}alexnet-owt-7be5be79.pth",),
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        size=244_408_911,
    ),
    "lpips-vgg": Weights(
        name="lpips-vgg",
        file="vgg16-397923af.pth",
        evaluator="vgg",
        metrics=("lpips", "lpips_face", "lpips_mouth"),
        about="VGG-16, the trunk of LPIPS (its heads come with the package)",
        licence=_BSD,
        commercial=True,
        homepage="https://github.com/richzhang/PerceptualSimilarity",
        urls=(f"{TORCHVISION}vgg16-397923af.pth", f"{LATENTSYNC}vgg16-397923af.pth"),
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        size=553_433_881,
    ),
    "lpips-squeeze": Weights(
        name="lpips-squeeze",
        file="squeezenet1_1-b8a52dc0.pth",
        evaluator="squeeze",
        metrics=("lpips", "lpips_face", "lpips_mouth"),
        about="SqueezeNet 1.1, the trunk of LPIPS (its heads come with the package)",
        licence=_BSD,
        commercial=True,
        homepage="https://github.com/richzhang/PerceptualSimilarity",
        urls=(f"{TORCHVISION}squeezenet1_1-b8a52dc0.pth",),
        sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        size=4_958_839,
    ),
    "inception": Weights(
        name="inception",
        file="pt_inception-2015-12-05-6726825d.pth",
        evaluator="inception",
        metrics=("fid", "kid", "subject_consistency"),
        about="Inception v3 of 2015 as pytorch-fid ports it, 2048-d pool3",
        licence="Apache-2.0 (pytorch-fid)",
        commercial=True,
        homepage="https://github.com/mseitzer/pytorch-fid",
        urls=(
            "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
            "pt_inception-2015-12-05-6726825d.pth",
        ),
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        size=95_628_359,
    ),
    "i3d": Weights(
        name="i3d",
        file="i3d_torchscript.pt",
        evaluator="i3d",
        metrics=("fvd",),
        about="I3D of Kinetics-400 as StyleGAN-V and LatentSync evaluate with it, TorchScript, 400-d",
        licence="not stated for this file: treat it as non-commercial",
        commercial=False,
        homepage="https://github.com/universome/stylegan-v",
        urls=(
            "https://www.dropbox.com/s/ge9e5ujwgetktms/i3d_torchscript.pt?dl=1",
            f"{LATENTSYNC}i3d_torchscript.pt",
        ),
        sha256="bec6519f66ea534e953026b4ae2c65553c17bf105611c746d904657e5860a5e2",
        size=51_235_320,
    ),
    "arcface": Weights(
        name="arcface",
        file="w600k_r50.onnx",
        evaluator="arcface",
        metrics=("identity",),
        about="ArcFace, ResNet-50 on WebFace600K, of insightface's buffalo_l, 512-d",
        licence=_FACES,
        commercial=False,
        homepage=INSIGHTFACE,
        archive=_buffalo("w600k_r50.onnx"),
        sha256="4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
        size=174_383_860,
    ),
    "detector": Weights(
        name="detector",
        file="det_10g.onnx",
        evaluator="detector",
        metrics=(),
        about="SCRFD face detector of insightface's buffalo_l, for `bench data prepare`",
        licence=_FACES,
        commercial=False,
        homepage=INSIGHTFACE,
        archive=_buffalo("det_10g.onnx"),
        sha256="5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
        size=16_923_827,
    ),
    "syncnet": Weights(
        name="syncnet",
        file="syncnet_v2.model",
        evaluator="syncnet",
        metrics=("lse_c", "lse_d", "av_offset"),
        about="SyncNet of syncnet_python, which LSE-C and LSE-D are defined by",
        licence="MIT (syncnet_python)",
        commercial=True,
        homepage="https://github.com/joonson/syncnet_python",
        urls=(
            "http://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model",
            f"{LATENTSYNC}syncnet_v2.model",
        ),
        sha256="961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442",
        size=54_573_114,
    ),
    "pfld": Weights(
        name="pfld",
        file="pfld68.onnx",
        evaluator="pfld",
        metrics=("lmd", "lmd_face", "lmd_aligned", "landmark_jerk"),
        about="any ONNX network from a 112 px face to 68 points, such as PFLD of pytorch_face_landmark",
        licence="that of your file",
        commercial=True,
        homepage="https://github.com/cunjian/pytorch_face_landmark",
        interface="privtalk.metrics.evaluators.published.onnx_landmarks:OnnxLandmarks",
        extra="faces",
    ),
    "dlib": Weights(
        name="dlib",
        file="dlib_face_recognition_resnet_model_v1.dat",
        evaluator="dlib",
        metrics=("identity",),
        about="dlib's face recogniser, ResNet-29 on 3 million pictures, 99.38 % on LFW, 128-d",
        licence="CC0 (the model), Boost (dlib)",
        commercial=True,
        homepage=_DLIB_MODELS,
        package=_dlib("dlib_face_recognition_resnet_model_v1.dat"),
        sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        size=22_466_066,
        extra="faces",
    ),
    "dlib-68": Weights(
        name="dlib-68",
        file="shape_predictor_68_face_landmarks.dat",
        evaluator="dlib",
        metrics=("lmd", "lmd_face", "lmd_aligned", "landmark_jerk"),
        about="dlib's 68 points, by regression trees (Kazemi & Sullivan 2014), for `bench data prepare` too",
        licence="non-commercial research only (trained on iBUG 300-W)",
        commercial=False,
        homepage=_DLIB_MODELS,
        package=_dlib("shape_predictor_68_face_landmarks.dat"),
        sha256="fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
        size=99_693_937,
        extra="faces",
    ),
    "dlib-cnn": Weights(
        name="dlib-cnn",
        file="mmod_human_face_detector.dat",
        evaluator="dlib-cnn",
        metrics=(),
        about="dlib's CNN face detector (max-margin object detection), for `bench data prepare`",
        licence="CC0 (the model), Boost (dlib)",
        commercial=True,
        homepage=_DLIB_MODELS,
        package=_dlib("mmod_human_face_detector.dat"),
        sha256="4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
        size=729_940,
        extra="faces",
    ),
}
