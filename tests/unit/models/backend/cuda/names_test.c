// Our table of cuDNN's constants against the vendor's header, where it is installed.
#include "models/backend/cuda/cudnn.h"

#include <criterion/criterion.h>

#if __has_include(<cudnn_graph.h>)
#include <cudnn_graph.h>
#define KT_CUDNN(NAME, value) _Static_assert((int)CUDNN_##NAME == (value), #NAME);
#include "models/backend/cuda/cudnn.def"
#undef KT_CUDNN
#define HEADER true
#else
#define HEADER false
#endif

Test(cuda_names, are_those_of_the_vendors_header)
{
    if (!HEADER)
        cr_skip_test("not compared: no cudnn_graph.h here");
    cr_expect(true);  // compared at compile time
}
