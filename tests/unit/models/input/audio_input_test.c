#include "tests/unit/models/input/front_ends.h"
#include "tests/unit/models/ktm_build.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A valid description whose parts a test replaces.
#define START "{'kind':'audio','rate_hz':16000,"
#define FRAME "'frame':{'length':400,'hop':160,'fft':512,'window':'hann'},'spectrum':'power',"
#define BANDS "'bands':{'kind':'mel_slaney','count':4,'low_hz':100,'high_hz':8000},"
#define LOG "'log':{'kind':'ln','floor':1e-9},"
#define BLOCKS "'blocks':{'frames':10}"

Test(audio_input, a_wrong_description_is_named)
{
    static const struct {
        const char *text, *why;
    } CASES[] = {
        {"{}", "input.kind: is missing"},
        {"{'kind':'image'}", "input.kind: 'image' is not known"},
        {"{'kind':3}", "input.kind: must be a text"},
        {"{'kind':'audio'}", "input.rate_hz: is missing"},
        {"{'kind':'audio','rate_hz':'16000'}", "input.rate_hz: must be a number from 1000 to 768000"},
        {"{'kind':'audio','rate_hz':16000.5}", "input.rate_hz: must be a whole number"},
        {"{'kind':'audio','rate_hz':16000}", "input.frame.length: is missing"},
        {"{'kind':'audio','rate_hz':16000,'frame':[]}", "input.frame.length: is missing"},
        {START "'frame':{'length':400,'hop':500}}", "input.frame.window: is missing"},
        {START "'frame':{'length':400,'hop':500,'window':'hann'}}", "input.frame.hop: must be at most the length"},
        {START "'frame':{'length':400,'hop':0,'window':'hann'}}", "input.frame.hop: must be a number from 1 to 16384"},
        {START "'frame':{'length':400,'hop':160,'fft':256,'window':'hann'}}", "input.frame.fft: 256 must be at least"},
        {START "'frame':{'length':400,'hop':160,'fft':16383,'window':'hann'}}", "input.frame.fft: 16383 must be"},
        {START "'frame':{'length':400,'hop':160,'window':'hann','centre':1}}", "input.frame.centre: must be true or"},
        {START "'frame':{'length':400,'hop':160,'window':'kaiser'}}", "input.frame.window: 'kaiser' is not known"},
        {START FRAME BLOCKS "}", "input.bands.kind: is missing"},
        {START FRAME "'bands':{'kind':'mel_slaney','count':9999}}",
         "input.bands.count: must be a number from 1 to 1024"},
        {START FRAME "'bands':{'kind':'mel_kaldi','count':9,'low_hz':900,'high_hz':90}}",
         "input.bands.high_hz: must be"},
        {START FRAME "'bands':{'kind':'mel_kaldi','count':9,'high_hz':9000}}", "input.bands.high_hz: must be a number"},
        {START FRAME "'bands':{'kind':'log','per_octave':1,'low_hz':300,'high_hz':400}," LOG BLOCKS "}",
         "input.bands: there is no band"},
        {START FRAME BANDS BLOCKS "}", "input.log.kind: is missing"},
        {START FRAME BANDS "'log':{'kind':'ln'}," BLOCKS "}", "input.log.floor: is missing"},
        {START FRAME BANDS "'log':{'kind':'log10','offset':0}," BLOCKS "}", "input.log.offset: must be a number"},
        {START FRAME BANDS LOG "'layout':'TFN'," BLOCKS "}", "input.layout: 'TFN' is not known"},
        {START FRAME BANDS LOG "'mean':'m'," BLOCKS "}", "input: 'm' must be an f32 tensor [4]"},
        {START FRAME BANDS LOG "'blocks':{}}", "input.blocks.frames: is missing"},
        {START FRAME BANDS LOG "'blocks':{'frames':10,'tail':'wag'}}", "input.blocks.tail: 'wag' is not known"},
        {START FRAME BANDS LOG "'states':['h'], " BLOCKS "}", "input.states: must be pairs of names"},
        {START FRAME BANDS LOG "'states':[['h']], " BLOCKS "}", "input.states: must be pairs of names"},
        {START FRAME BANDS "'log':{'kind':'db','floor':1e-10,'top_db':80},'difference':true," BLOCKS "}",
         "input.log: top_db and relative do not go with"},
    };
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
        char              why[KT_KTM_WHY] = "";
        kt_audio_input_t *input           = NULL;
        json_t           *json            = front_end_json(CASES[c].text);
        cr_expect_eq(kt_audio_input_parse(&input, json, why), KT_EMODEL, "%s", CASES[c].text);
        cr_expect_null(input);
        cr_expect(strncmp(why, CASES[c].why, strlen(CASES[c].why)) == 0, "%s: '%s'", CASES[c].text, why);
        kt_json_free(&json);
    }
}

Test(audio_input, equal_rows_have_equal_keys)
{
    kt_audio_input_t *first  = front_end(START FRAME BANDS LOG BLOCKS "}");
    kt_audio_input_t *blocks = front_end(START FRAME BANDS LOG "'layout':'NFT','blocks':{'frames':99}}");
    kt_audio_input_t *scaled = front_end(START FRAME BANDS LOG "'scale':2," BLOCKS "}");
    kt_audio_input_t *floor  = front_end(START FRAME BANDS "'log':{'kind':'ln','floor':1e-8}," BLOCKS "}");
    cr_expect_str_eq(kt_audio_input_key(first), kt_audio_input_key(blocks));
    cr_expect_str_neq(kt_audio_input_key(first), kt_audio_input_key(scaled));
    cr_expect_str_neq(kt_audio_input_key(first), kt_audio_input_key(floor));
    kt_audio_input_destroy(&first);
    kt_audio_input_destroy(&blocks);
    kt_audio_input_destroy(&scaled);
    kt_audio_input_destroy(&floor);
}

Test(audio_input, a_layout_with_bands_first_turns_the_block_over)
{
    static const float rows[] = {1, 2, 3, 4, 5, 6, 7, 8}, turned[] = {1, 5, 2, 6, 3, 7, 4, 8};
    static const struct {
        const char  *layout;
        const float *out;
    } CASES[] = {{"N1TF", rows}, {"NTF", rows}, {"NTF1", rows}, {"NFT", turned}, {"N1FT", turned}};
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
        char text[512];
        snprintf(text, sizeof text, START FRAME BANDS LOG "'layout':'%s'," BLOCKS "}", CASES[c].layout);
        kt_audio_input_t *input = front_end(text);
        float             out[8];
        kt_audio_input_place(input, rows, 2, out);
        cr_expect_arr_eq(out, CASES[c].out, sizeof out, "%s", CASES[c].layout);
        kt_audio_input_destroy(&input);
    }
}

Test(audio_input, decibels_are_limited_by_the_largest_of_the_block)
{
    static const float rows[] = {-100, -3, 2, -79}, limited[] = {-78, -3, 2, -78}, relative[] = {-80, -5, 0, -80};
    kt_audio_input_t  *plain = front_end(START FRAME BANDS "'log':{'kind':'db','floor':1e-10,'top_db':80}," BLOCKS "}");
    kt_audio_input_t  *against =
        front_end(START FRAME BANDS "'log':{'kind':'db','floor':1e-10,'top_db':80,'relative':true}," BLOCKS "}");
    float out[4];
    kt_audio_input_place(plain, rows, 1, out);
    cr_expect_arr_eq(out, limited, sizeof out);
    kt_audio_input_place(against, rows, 1, out);
    cr_expect_arr_eq(out, relative, sizeof out);
    kt_audio_input_destroy(&plain);
    kt_audio_input_destroy(&against);
}

Test(audio_input, mean_and_deviation_come_from_tensors_of_the_file)
{
    static const float mean[] = {1, 2, 3, 4}, inverse[] = {1, 0.5F, 2, 10}, short_one[] = {1, 2};
    ktm_text_t         text = {.input = START FRAME BANDS LOG "'mean':'m','inverse_std':'s'," BLOCKS "}",
                               .tensors = {{"m", KT_KTM_F32, 1, {4}, mean, NULL}, {"s", KT_KTM_F32, 1, {4}, inverse, NULL}}};
    size_t             length, rows, plain_rows;
    char               why[KT_KTM_WHY] = "";
    kt_ktm_t          *file            = NULL;
    kt_audio_input_t  *input = NULL, *plain = front_end(START FRAME BANDS LOG BLOCKS "}");
    uint8_t           *bytes = ktm_build(&text, &length);
    cr_assert_eq(kt_ktm_read(&file, bytes, length, why), KT_OK, "%s", why);
    cr_assert_eq(kt_audio_input_new(&input, file, why), KT_OK, "%s", why);
    cr_expect_str_neq(kt_audio_input_key(input), kt_audio_input_key(plain));
    float *x = front_end_signal(16000, 2000), *out = front_end_rows(input, x, 2000, 2000, &rows);
    float *raw = front_end_rows(plain, x, 2000, 2000, &plain_rows);
    for (size_t i = 0; i < 4 * rows; i++)
        cr_expect_float_eq(out[i], (raw[i] - mean[i % 4]) * inverse[i % 4], 1e-4F);
    free(out);
    free(raw);
    free(x);
    kt_audio_input_destroy(&input);
    kt_audio_input_destroy(&plain);
    kt_ktm_destroy(&file);
    free(bytes);

    text.tensors[1] = (ktm_tensor_t){"s", KT_KTM_F32, 1, {2}, short_one, NULL};
    bytes           = ktm_build(&text, &length);
    cr_assert_eq(kt_ktm_read(&file, bytes, length, why), KT_OK, "%s", why);
    cr_expect_eq(kt_audio_input_new(&input, file, why), KT_EMODEL);
    cr_expect_str_eq(why, "input: 's' must be an f32 tensor [4]");
    kt_ktm_destroy(&file);
    free(bytes);
}

Test(audio_input, states_are_pairs_of_names)
{
    kt_audio_input_t       *input = front_end(FRONT_END_BEATNET);
    const kt_audio_state_t *states;
    cr_assert_eq(kt_audio_input_states(input, &states), 2);
    cr_expect_str_eq(states[1].input, "c0");
    cr_expect_str_eq(states[1].output, "c0_out");
    kt_audio_input_destroy(&input);
}
