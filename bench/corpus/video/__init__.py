"""One real film: decoded, its face followed and cropped, cut into clips."""
