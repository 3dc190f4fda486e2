// Fuzzing the reader of models.yml: any text is rejected with a sentence, or gives a catalogue that prints as a text
// which can be read again.
#include "common/assert.h"
#include "fuzz_main.h"
#include "models/catalogue/catalogue.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char            why[KT_CATALOGUE_WHY] = "";
    kt_catalogue_t *catalogue = NULL, *again = NULL;
    kt_digest_t     before, after;
    kt_buf_t        printed;
    kt_err_t        err = kt_catalogue_parse(&catalogue, (const char *)bytes, length, why);
    if (err) {
        kt_assert(err == KT_ECATALOGUE && strstr(why, "line "));
        return 0;
    }
    kt_buf_init(&printed, 16 << 20);
    kt_catalogue_print(catalogue, &printed);
    kt_assert(!printed.err);
    kt_assert(kt_catalogue_parse(&again, printed.bytes, printed.length, why) == KT_OK);
    kt_catalogue_digest(catalogue, &before);
    kt_catalogue_digest(again, &after);
    kt_assert(kt_catalogue_count(again) == kt_catalogue_count(catalogue));
    kt_assert(!memcmp(&before, &after, sizeof before));
    kt_catalogue_destroy(&again);
    kt_catalogue_destroy(&catalogue);
    kt_buf_fini(&printed);
    return 0;
}

static uint8_t *
fuzz_seed(unsigned number, size_t *length)
{
    static const char *const TEXTS[] = {
        "models:\n  audio:\n    genre:\n      version: \"1.2.0\"\n      path: \"a/b.ktm\"\n      input_shape: [128, "
        "1]\n"
        "      output_classes: 13\n      versions:\n        - {version: 1.0.0, path: x, status: replaced}\n",
        "models:\n  video: {a: {version: 1.0.0, path: \"q\\\\ \\\" z\"}, b: {versions: []}}\n  audio:\n",
        "feature_extraction:\n  audio: {sample_rate: 22050, n_fft: 2048}\n  video:\n    frame_sample_rate: 1.5\n"
        "    max_frames: 300\n    resize_resolution: [224, 224]\n",
        "models: &a\n  audio: *a\n---\nx: !t [[[[[[[[[[1]]]]]]]]]]\n",
    };
    kt_buf_t text;
    kt_buf_init(&text, 1 << 16);
    kt_buf_str(&text, TEXTS[number % (sizeof TEXTS / sizeof *TEXTS)]);
    return (uint8_t *)kt_buf_take(&text, length);
}
