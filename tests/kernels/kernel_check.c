// kernel_check --check | --bench [ISA] -- proves each fast kernel equal to its reference within tolerances.def, or
// measures both. Closes with one line; exit 1 if anything failed, 2 for bad usage.
#include "tests/kernels/check.h"

#include <stdio.h>
#include <string.h>

static void
cpu_images(const void *context, const kt_image_span_t *span, kt_image_stats_t *out)
{
    const kt_image_ops_t *ops   = context;
    const size_t          bytes = kt_image_bytes(span->width, span->height);
    for (size_t i = 0; i < span->n; i++)
        ops->stats(span->rgb + i * bytes, i > 0 ? span->rgb + (i - 1) * bytes : span->before, span->width, span->height,
                   &out[i]);
}

static int
run_checks(void)
{
    static const char *const names[] = {"base", "avx2", "avx512"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const kt_isa_t *isa = kt_isa(names[i]);
        if (!isa) {
            printf("%s: not on this processor\n", names[i]);
            continue;
        }
        const unsigned before = checks.passed;
        check_rows(isa->rows);
        check_edges(isa->rows);
        check_cqt(isa->rows);
        check_images(isa->name, cpu_images, isa->image, true);
        check_image_colours(isa->name, cpu_images, isa->image);
        check_light_images(isa->name, isa->image);
        check_blocks(isa->name, isa->block);
        check_rgb(isa->name, isa->rgb);
        printf("%s: %u checks hold\n", names[i], checks.passed - before);
    }
    printf("%u passed, %u failed\n", checks.passed, checks.failed);
    return checks.failed ? 1 : 0;
}

int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--check") == 0)
        return run_checks();
    if ((argc == 2 || argc == 3) && strcmp(argv[1], "--bench") == 0) {
        bench(argc == 3 ? argv[2] : NULL);
        return 0;
    }
    fprintf(stderr, "usage: kernel_check --check | --bench [ref|base|avx2|avx512]\n");
    return 2;
}
