#include "coordinator/ledger/story.h"

#include <stdlib.h>

static unsigned
place_of(kt_story_type_t type)
{
    static const unsigned PLACES[] = {
        [KT_STORY_ACCEPTED] = 0, [KT_STORY_ATTEMPT] = 1,   [KT_STORY_CLAIMED] = 2,
        [KT_STORY_OUTCOME] = 3,  [KT_STORY_PUBLISHED] = 4,
    };
    return PLACES[type];
}

static int
order(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int
compare_story_rows(const void *a, const void *b)
{
    const kt_story_row_t *x = a, *y = b;
    int                   by = order(x->run, y->run);
    if (!by)
        by = order(place_of(x->type), place_of(y->type));
    return by ? by : order(x->attempt, y->attempt);
}

void
kt_story_sort(kt_story_row_t *rows, size_t n)
{
    if (n)
        qsort(rows, n, sizeof *rows, compare_story_rows);
}
