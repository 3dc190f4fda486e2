// The CPU executor: a list of steps over buffers, made once from a graph and its sizes (build.h, lower_*.c). A value
// lies in the order of its dimensions (PLAIN), or with its channels last (LAST: N, spatial, C), which is what
// convolutions take; both are the same bytes where there is one channel or one position. Constant after prepare; any
// thread.
#pragma once

#include "models/backend/backend.h"
#include "models/backend/cpu/fast.h"
#include "models/backend/weights.h"

#include <oneapi/dnnl/dnnl.h>

typedef enum kt_layout { KT_PLAIN, KT_LAST, KT_LAYOUTS } kt_layout_t;
typedef enum kt_area { KT_AREA_ARENA, KT_AREA_INPUT, KT_AREA_OUTPUT, KT_AREA_CONSTANT } kt_area_t;
enum { KT_STEP_PLACES = KT_NODE_INPUTS + KT_NODE_OUTPUTS + 1 };

typedef struct kt_cpu_buffer {
    kt_area_t   area;
    int         index;  // of the graph's input or output
    size_t      floats;
    size_t      offset;       // bytes in the arena
    const void *data;         // KT_AREA_CONSTANT
    int         first, last;  // steps that touch it
    int         reads;        // while lowering: reads of its values that are still to come
    bool        kept;         // holds an output of the graph
} kt_cpu_buffer_t;

typedef struct kt_place {
    int    buffer;  // -1: none
    size_t at;      // floats from its start
} kt_place_t;

typedef struct kt_cpu_exec kt_cpu_exec_t;
typedef struct kt_cpu_step kt_cpu_step_t;

typedef struct kt_cpu_run {
    const kt_cpu_exec_t *exec;
    uint8_t             *arena;
    const float *const  *inputs;
    float *const        *outputs;
    dnnl_stream_t        stream;
} kt_cpu_run_t;

struct kt_cpu_step {
    const char *name;
    kt_err_t (*run)(const kt_cpu_step_t *self, const kt_cpu_run_t *run);
    void *data;  // owned
    void (*drop)(void *data);
    int        n_places;
    kt_place_t places[KT_STEP_PLACES];  // results first, then what is read, then scratch
};

struct kt_cpu_exec {
    kt_exec_t            base;
    const kt_cpu_fast_t *fast;
    dnnl_engine_t        engine;
    kt_cpu_buffer_t     *buffers;
    size_t               n_buffers, buffers_room;
    kt_cpu_step_t       *steps;
    size_t               n_steps, steps_room;
    kt_shape_of_t       *shapes;  // of all values
    kt_weights_t        *weights;
    void               **owned;  // packed weights
    size_t               n_owned, owned_room;
};

bool   kt_cpu_supports(const kt_graph_node_t *node);
float *kt_cpu_at(const kt_cpu_run_t *run, kt_place_t place);
