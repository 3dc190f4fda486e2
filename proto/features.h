// kt_features -- the feature table as data. Constant; any thread. See features.def for the meaning of the columns.
#pragma once

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum kt_group {
    KT_GROUP_SPECTRAL,
    KT_GROUP_MIR,
    KT_GROUP_PERCEPTUAL,
    KT_GROUP_TECHNICAL,
    KT_GROUP_VISUAL,
    KT_GROUP_MOOD,
    KT_GROUP_INSTRUMENTS,
    KT_GROUP_VOICE,
    KT_GROUP_QUALITY,
    KT_GROUP_VECTORS,
    KT_GROUPS
} kt_group_t;

typedef enum kt_shape {
    KT_SHAPE_REAL,
    KT_SHAPE_INT,
    KT_SHAPE_BOOL,
    KT_SHAPE_TEXT,
    KT_SHAPE_REALS,
    KT_SHAPE_TEXTS,
    KT_SHAPE_MAP,      // object: name -> real
    KT_SHAPE_TAGS,     // object: name -> text
    KT_SHAPE_OBJECTS,  // array of objects
} kt_shape_t;

// KT_FEATURE_<GROUP>_<name>: an index into the table.
typedef enum kt_feature {
#define KT_FEATURE(group, name, ...) KT_FEATURE_##group##_##name,
#include "proto/features.def"
#undef KT_FEATURE
    KT_FEATURES
} kt_feature_t;

typedef struct kt_feature_desc {
    kt_group_t  group;
    kt_shape_t  shape;
    const char *name;
    size_t      max_count;  // list entries, or bytes of a text
    const char *unit;
    double      min, max;
    const char *method, *meaning, *source;
} kt_feature_desc_t;

const kt_feature_desc_t *kt_feature_desc(kt_feature_t feature);
// Path of a group in the message: "features.spectral", ..., "quality_metrics", "similarity_vectors".
const char *kt_group_path(kt_group_t group);
const char *kt_group_name(kt_group_t group);  // "spectral", "quality", ...
// The kt_option_t bit that asks for a group; 0: it is not optional.
uint32_t kt_group_option(kt_group_t group);
// Member "name" of a group; KT_FEATURES if there is none.
kt_feature_t kt_feature_find(kt_group_t group, const char *name);
// A feature's key in "methods", "reasons" and "statistics": its name, prefixed by the group ("quality.dynamic_range")
// if two groups have a feature of that name. Returns out.
enum { KT_FEATURE_KEY = 64 };
const char *kt_feature_key(kt_feature_t feature, char out[KT_FEATURE_KEY]);
// docs/features.md, generated.
void kt_features_markdown(kt_buf_t *out);
