// kt_eta -- the time that is left, from the share that is done. An estimate of the end counts for an eighth of the time
// spent, at most 5 s, however often it is asked: one long file does not make it jump, and a wrong first one is soon
// forgotten. Pure.
#pragma once

typedef struct kt_eta {
    double end_s;  // the smoothed end, s since the start; 0: not known yet
    double at_s;   // when it was estimated
} kt_eta_t;

// The seconds left after a share (above 0, at most 1) was done in spent_s, which never decreases.
double kt_eta_left(kt_eta_t *self, double share, double spent_s);
