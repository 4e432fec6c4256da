"""People who are rendered: their looks, their heads, the camera, and the files that they fill."""
