"""One real film: decoded, its face followed and cropped, cut into clips."""

from privtalk.bench.corpus.video.decoding import read_frames

__all__ = ["read_frames"]
