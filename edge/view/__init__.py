"""The live view of a running agent: what happens makes a picture, and the picture makes the lines of a terminal."""
