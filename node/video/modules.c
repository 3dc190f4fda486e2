#include "node/video/modules.h"

const kt_video_module_t *const kt_video_modules[] = {&kt_video_look, &kt_video_motion, &kt_video_quality,
                                                     &kt_video_models, NULL};
