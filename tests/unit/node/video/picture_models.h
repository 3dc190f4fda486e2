// A folder of tiny models with the names and outputs of the picture models. Their "faces" are blocks of 4 x 4 red
// points, "text" is a green bar, of which each 8 x 48 block is read as "a" where it is bright and as blank where it is
// dark.
#pragma once

#include "models/catalogue/model_set.h"
#include "tests/unit/node/model_folder.h"

// A folder with a tiny scene_detector for pictures of 4 x 4 in blocks of 8 with 4 around them: the last picture of a
// shot is one whose left half is less red than that of the next, by 10 levels for certain; a picture is within a
// gradual change where its left half is blue.
kt_model_set_t *pm_open_scene(void);
kt_model_set_t *pm_open_scene_swapped(void);   // scene_detector takes single pictures
kt_model_set_t *pm_open(const char *without);  // NULL: all are there; release it
kt_model_set_t *pm_open_swapped(void);         // centerface has the outputs of ppocr_det, and the other way round
