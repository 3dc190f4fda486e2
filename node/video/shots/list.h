// kt_shot_list -- the shots that are decided so far, in the order of their begin. One thread.
#pragma once

#include "common/err.h"
#include "node/video/shots/shot.h"

#include <stddef.h>

enum { KT_SHOT_LIST_MAX = 20000 };  // later ones are left out: the rows of the document hold no more

typedef struct kt_shot_list {
    kt_shot_t *shot;
    size_t     count, capacity;
} kt_shot_list_t;

void kt_shot_list_fini(kt_shot_list_t *self);
// Puts a shot in its place. One that begins at the same picture is replaced. KT_ENOMEM
KT_MUST_USE kt_err_t kt_shot_list_add(kt_shot_list_t *self, const kt_shot_t *shot);
// Removes what begins after from_s and before to_s, but not the first shot.
void kt_shot_list_remove(kt_shot_list_t *self, double from_s, double to_s);
// The last shot that begins at or before a time; 0 if none does.
size_t kt_shot_list_find(const kt_shot_list_t *self, double time_s);
