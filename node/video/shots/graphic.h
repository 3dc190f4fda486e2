// kt_graphic -- whether a change of the picture is a graphic (a title, a strip, a panel) that appears over it or goes:
// parts of the picture go on. Pure; any thread.
#pragma once

#include "node/video/shots/history.h"

#include <stdbool.h>

typedef struct kt_graphic_evidence {
    float kept;  // share of the blocks with structure that both pictures have, but for small movements
    float live;  // and that move or change before or after: no part of a frame or of an earlier graphic
} kt_graphic_evidence_t;

// Of the change from the picture before `serial`, which is at least 1. 0 where no block has structure.
void kt_graphic_evidence(const kt_shot_history_t *history, uint64_t serial, kt_graphic_evidence_t *out);
bool kt_graphic_is_one(const kt_graphic_evidence_t *evidence);
