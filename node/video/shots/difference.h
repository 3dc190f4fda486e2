// kt_shot_difference -- how little of a picture can be explained by another one of the same stream: blocks of 8 x 8
// pixels of its structure, each with the best of the movements around none and around that of the whole picture,
// against what the blocks are without any prediction (the measure by which x264 places key frames). 0: nothing is new,
// 1: nothing is the same. Pans, zooms, shake and moving objects stay below .4, cuts are mostly above .7. Pure; any
// thread.
#pragma once

#include "node/video/shots/picture.h"

float kt_shot_difference(const kt_shot_picture_t *a, const kt_shot_picture_t *b, const kt_shot_size_t *size);
// The same, and how much larger it is without any movement.
float kt_shot_difference_moved(const kt_shot_picture_t *a, const kt_shot_picture_t *b, const kt_shot_size_t *size,
                               float *moved);
// Share of the colours (of 8 x 8 x 8) that are not the same, 0 to 1, wherever they are in the picture.
float kt_shot_colour_difference(const kt_shot_picture_t *a, const kt_shot_picture_t *b);
// Mean absolute difference of luma, pixel by pixel, mean and standard deviation of both pictures made the same:
// about 1.1 for pictures that have nothing in common.
float kt_shot_luma_difference(const kt_shot_picture_t *a, const kt_shot_picture_t *b, const kt_shot_size_t *size);
// Mean absolute difference of Y, U and V, in 8-bit steps, pixel by pixel.
float kt_shot_level_difference(const kt_shot_picture_t *a, const kt_shot_picture_t *b, const kt_shot_size_t *size);
