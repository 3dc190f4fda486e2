#include "tests/unit/models/input/front_ends.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KIND "{'kind':'audio','layout':'NTF',"
const char FRONT_END_MUSICNN[] =
    KIND "'rate_hz':16000,'frame':{'length':512,'hop':256,'window':'hann','centre':true},'spectrum':'power',"
         "'bands':{'kind':'mel_slaney','count':96,'low_hz':0,'high_hz':8000},'half':true,"
         "'log':{'kind':'log10','scale':10000,'offset':1},'blocks':{'frames':187}}";
const char FRONT_END_TRAINING[] =
    KIND "'rate_hz':22050,'frame':{'length':2048,'hop':512,'window':'hann','centre':true},'spectrum':'power',"
         "'bands':{'kind':'mel_slaney','count':128},"
         "'log':{'kind':'db','floor':1e-10,'top_db':80,'relative':true},'blocks':{'frames':128,'tail':'pad'}}";
const char FRONT_END_VIBENET[] =
    KIND "'rate_hz':16000,'frame':{'length':640,'hop':320,'fft':1024,'window':'hann'},'spectrum':'power',"
         "'bands':{'kind':'mel_slaney','count':128},'log':{'kind':'db','floor':1e-10,'top_db':80},"
         "'blocks':{'frames':30000,'tail':'short'}}";
const char FRONT_END_KALDI[] =
    KIND "'rate_hz':16000,'scale':32768,'frame':{'length':400,'hop':160,'fft':512,'window':'povey','offset':true,"
         "'preemphasis':0.97},'spectrum':'power','bands':{'kind':'mel_kaldi','count':80,'low_hz':20,'high_hz':8000},"
         "'log':{'kind':'ln','floor':1e-20},'blocks':{'frames':3000,'left':152,'right':160,'tail':'short'}}";
const char FRONT_END_BEATNET[] =
    KIND "'rate_hz':22050,'frame':{'length':1411,'hop':441,'window':'hann_symmetric','centre':true,'partial':true},"
         "'spectrum':'magnitude','bands':{'kind':'log','per_octave':24,'low_hz':30,'high_hz':17000},"
         "'log':{'kind':'log10','scale':1,'offset':1},'difference':true,'blocks':{'frames':1000,'tail':'short'},"
         "'states':[['h0','h0_out'],['c0','c0_out']]}";

json_t *
front_end_json(const char *text)
{
    char    why[KT_JSON_WHY];
    json_t *out  = NULL;
    char   *copy = strdup(text);
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    cr_assert_eq(kt_json_parse(copy, strlen(copy), 1 << 16, &out, why), KT_OK, "%s: %s", copy, why);
    free(copy);
    return out;
}

kt_audio_input_t *
front_end(const char *text)
{
    char              why[KT_KTM_WHY] = "";
    kt_audio_input_t *out             = NULL;
    json_t           *json            = front_end_json(text);
    cr_assert_eq(kt_audio_input_parse(&out, json, why), KT_OK, "%s", why);
    kt_json_free(&json);
    return out;
}

float *
front_end_signal(uint32_t rate_hz, size_t n)
{
    const double PI    = 3.14159265358979323846;
    uint32_t     state = 7;
    float       *out   = calloc(n + 1, sizeof *out);
    cr_assert(out);
    for (size_t i = 0; i < n; i++) {
        const double t = (double)i / rate_hz;
        state          = state * 1664525U + 1013904223U;
        out[i]         = (float)(0.4 * sin(2 * PI * 440 * t) + 0.2 * sin(2 * PI * (100 * t + 1500 * t * t)) +
                         0.02 * ((state >> 8) / 16777216.0 - 0.5));
    }
    return out;
}

float *
front_end_rows(const kt_audio_input_t *input, const float *samples, size_t n, size_t cut, size_t *rows)
{
    kt_audio_rows_t *self = NULL;
    cr_assert_eq(kt_audio_rows_new(&self, input, NULL), KT_OK);
    const size_t width = kt_audio_input_width(input), room = kt_audio_rows_room(self, n) + kt_audio_rows_room(self, 0);
    float       *out = calloc(room * width, sizeof *out);
    cr_assert(out);
    *rows = 0;
    for (size_t at = 0; at < n; at += cut) {
        const size_t part = n - at < cut ? n - at : cut, most = kt_audio_rows_room(self, part);
        const size_t got = kt_audio_rows_push(self, samples + at, part, out + *rows * width);
        cr_assert_leq(got, most);
        *rows += got;
    }
    const size_t most = kt_audio_rows_room(self, 0), got = kt_audio_rows_finish(self, out + *rows * width);
    cr_assert_leq(got, most);
    *rows += got;
    kt_audio_rows_destroy(&self);
    return out;
}
