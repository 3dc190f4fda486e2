"""The picture front ends that model files describe (models/input/image_input.h), in numpy. For checks only."""
