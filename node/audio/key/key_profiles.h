// Keys by correlation with profiles of pitch classes (Krumhansl 1990, chapter 4). Pure.
#pragma once

#include "node/audio/key/pitch_classes.h"

enum { KT_KEYS = 24 };

// A key: 0..11 major, 12..23 minor, from C.
typedef struct kt_key {
    int    best, second;
    double strength, second_strength;  // correlations, -1 .. 1
} kt_musical_key_t;

// classes: from C, not all equal.
kt_musical_key_t kt_key_of(const double classes[KT_PITCH_CLASSES]);
const char      *kt_key_tonic(int key);  // "C", "C#", ... "B"
const char      *kt_key_mode(int key);   // "major", "minor"
