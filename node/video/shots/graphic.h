// Whether a change of the picture is a graphic (a title, a strip, a panel) that appears over it or goes: parts of the
// picture go on, and move. Over a picture at rest that is not known: it may be another slide of the same kind. Pure;
// any thread.
#pragma once

#include "node/video/shots/history.h"

#include <stdbool.h>

// Of the change from the picture before `serial`, which is at least 1.
bool kt_shot_is_graphic(const kt_shot_history_t *history, uint64_t serial);
