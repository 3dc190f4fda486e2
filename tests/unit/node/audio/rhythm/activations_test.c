// What a model of beats adds to the rhythm, with a made model: its values mean nothing.
#include "node/audio/rhythm/activations.h"
#include "proto/job.h"
#include "tests/unit/node/audio/track_fixture.h"
#include "tests/unit/node/model_folder.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
open_all(void)
{
    ax_open_8k();
    mo_make();
}

static void
close_all(void)
{
    mo_remove();
    ax_close();
}

TestSuite(activations, .init = open_all, .fini = close_all);

enum { RATE = 8000 };

// An LSTM of four bands, fifty rows per second, whose three outputs have these names.
static kt_model_set_t *
open_set(const char *classes)
{
    static const char INPUT[] =
        "{'kind':'audio','rate_hz':8000,'frame':{'length':256,'hop':160,'window':'hann','centre':true,'partial':true},"
        "'spectrum':'magnitude','bands':{'kind':'mel_slaney','count':4,'low_hz':0,'high_hz':4000},"
        "'log':{'kind':'log10','scale':1,'offset':1},'layout':'NTF','blocks':{'frames':100,'hop':100,'tail':'short'},"
        "'states':[['h','h_out'],['c','c_out']]}";
    static const char GRAPH[] = "{'inputs':[{'name':'x','shape':['N','T',4]},{'name':'h','shape':['N',3]},"
                                "{'name':'c','shape':['N',3]}],'nodes':[{'op':'lstm','in':['x','w','r','b','h','c'],"
                                "'out':['y','h_out','c_out']},{'op':'softmax','in':['y'],'out':['p']}],"
                                "'outputs':['p','h_out','c_out']}";
    static const char YML[]   = "models:\n  audio:\n    beats: {version: 1.0.0, path: beats.ktm}\n";
    char              outputs[256], why[KT_CATALOGUE_WHY] = "";
    float             w[12 * 4], r[12 * 3], b[12] = {0.1f, -0.2f};
    kt_model_set_t   *set = NULL;
    for (int i = 0; i < 12 * 4; i++)
        w[i] = 0.5f * (float)((i * 29) % 13 - 6);
    for (int i = 0; i < 12 * 3; i++)
        r[i] = 0.2f * (float)((i * 7) % 5 - 2);
    (void)snprintf(outputs, sizeof outputs,
                   "[{'name':'activations','value':'p','per':'frame','reduce':'none','classes':[%s]}]", classes);
    mo_put_model("beats", &(ktm_text_t){.graph   = GRAPH,
                                        .free    = "{'T':{'min':1,'max':100000}}",
                                        .input   = INPUT,
                                        .outputs = outputs,
                                        .tensors = {{"w", KT_KTM_F32, 2, {12, 4}, w, NULL},
                                                    {"r", KT_KTM_F32, 2, {12, 3}, r, NULL},
                                                    {"b", KT_KTM_F32, 1, {12}, b, NULL}}});
    mo_put_file("models.yml", YML, sizeof YML - 1);
    cr_assert_eq(kt_model_set_open(&set, mo_folder, &(kt_model_opts_t){0}, why), KT_OK, "%s", why);
    return set;
}

// Segments first .. of the stream, pushed in chunks. count 0: to the end.
static kt_analysis_t *
analysed(kt_model_set_t *set, const float *pcm, size_t frames, uint32_t options, uint32_t first, uint32_t count,
         size_t chunk)
{
    kt_analysis_opts_t opts = {.plan          = ax_plan,
                               .device        = ax_device,
                               .rate_hz       = RATE,
                               .channels      = 1,
                               .options       = options,
                               .models        = set,
                               .first_segment = first,
                               .segments      = count};
    kt_analysis_t     *self = NULL;
    kt_segment_range_t range;
    cr_assert_eq(kt_analysis_new(&self, &opts), KT_OK);
    kt_analysis_range(self, &range);
    const uint64_t to = range.to < frames ? range.to : frames;
    for (uint64_t at = range.from, n; at < to; at += n) {
        n = to - at < chunk ? to - at : chunk;
        cr_assert_eq(kt_analysis_push(self, pcm + at, n), KT_OK);
    }
    return self;
}

static char *
finished(kt_analysis_t *self, uint32_t options)
{
    return ax_finish(&self, options).text;
}

static float *
clicks(size_t n)
{
    float *pcm = ax_noise(n, 3);
    for (size_t i = 0; i < n; i++) {
        const double beat = fmod((double)i / RATE, 0.5), bar = fmod((double)i / RATE, 2);
        pcm[i] = 0.01f * pcm[i] + (float)(exp(-beat * 40) * sin(6.283185307 * (bar < 0.5 ? 90 : 400) * beat) * 0.5);
    }
    return pcm;
}

Test(activations, a_model_of_beats_is_named_where_it_took_part)
{
    enum { N = 30 * RATE, ALL = KT_OPTION_MIR | KT_OPTION_MODELS };
    static const struct {
        const char *classes;
        uint32_t    options;
        bool        named;
    } rows[]   = {{"'beat','downbeat','none'", ALL, true},
                  {"'beat','downbeat','none'", KT_OPTION_MIR, false},
                  {"'up','down','none'", ALL, false}};
    float *pcm = clicks(N);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        kt_model_set_t *set  = open_set(rows[i].classes);
        char           *text = finished(analysed(set, pcm, N, rows[i].options, 0, 0, 9999), rows[i].options);
        cr_expect_eq(strstr(text, "\"beats\":\"signal with beats 1.0.0\"") != NULL, rows[i].named, "%zu", i);
        cr_expect_eq(strstr(text, "\"beats\":\"1.0.0\"") != NULL, rows[i].named, "%zu: model_versions", i);
        free(text);
        kt_model_set_release(&set);
    }
    free(pcm);
}

Test(activations, without_a_model_of_beats_nothing_changes)
{
    enum { N = 30 * RATE };
    float          *pcm   = clicks(N);
    kt_model_set_t *other = open_set("'up','down','none'");
    char           *with  = finished(analysed(other, pcm, N, KT_OPTION_MIR, 0, 0, N), KT_OPTION_MIR);
    char           *none  = finished(analysed(NULL, pcm, N, KT_OPTION_MIR, 0, 0, 777), KT_OPTION_MIR);
    cr_expect_str_eq(with, none);
    free(with);
    free(none);
    free(pcm);
    kt_model_set_release(&other);
}

Test(activations, chunks_and_ranges_change_no_byte)
{
    enum { N = 25 * 60 * RATE, OPTIONS = KT_OPTION_MIR | KT_OPTION_MODELS };
    float          *pcm   = clicks(N);
    kt_model_set_t *set   = open_set("'beat','downbeat','none'");
    char           *whole = finished(analysed(set, pcm, N, OPTIONS, 0, 0, 50021), OPTIONS);
    char           *other = finished(analysed(set, pcm, N, OPTIONS, 0, 0, N), OPTIONS);
    cr_expect_not_null(strstr(whole, "signal with beats"));
    cr_expect_str_eq(whole, other, "chunks");
    free(other);
    kt_analysis_t *self = analysed(set, pcm, N, OPTIONS, 0, 1, 50021);
    for (uint32_t segment = 1; segment < 3; segment++) {
        kt_analysis_t *next = analysed(set, pcm, N, OPTIONS, segment, segment < 2, 50021);
        cr_assert_eq(kt_analysis_merge(self, &next), KT_OK);
    }
    other = finished(self, OPTIONS);
    cr_expect_str_eq(whole, other, "ranges");
    free(other);
    free(whole);
    free(pcm);
    kt_model_set_release(&set);
}

Test(activations, a_part_of_the_rows_lies_between_them)
{
    const float                values[] = {0.1f, 0.2f, 0.7f, 0.4f, 0.2f, 0.4f, 0, 0.6f, 0.4f, NAN, 0, 1};
    const kt_activation_rows_t rows     = {values, 4, 3, 0, 1, 50};
    kt_activations_t           self;
    cr_assert_eq(kt_activations_new(&self, &rows, 0.01, 0.1), KT_OK);
    cr_assert_eq(self.frames, 6);
    cr_expect_float_eq(self.downbeat[0], 0.2, 1e-6);
    cr_expect_float_eq(self.beat[0], 0.45, 1e-6);  // of both kinds
    cr_expect_float_eq(self.downbeat[1], 0.4, 1e-6);
    cr_expect_eq(self.beat[5], 0);  // past the last row
    cr_expect_float_eq(kt_activation_at(&self, self.downbeat, 0.01), 0.3, 1e-6);
    cr_expect_eq(kt_activation_at(&self, self.downbeat, -0.01), 0);
    cr_expect_eq(kt_activation_at(&self, self.downbeat, 9), 0);
    for (size_t i = 0; i < self.frames; i++)
        cr_expect(self.beat[i] >= 0 && self.beat[i] <= 1, "%zu", i);
    kt_activations_fini(&self);
}
