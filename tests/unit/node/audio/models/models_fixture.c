#include "tests/unit/node/audio/models/models_fixture.h"

#include "tests/unit/node/model_folder.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const kt_model_opts_t REF = {.backend = &kt_backend_ref};

#define AUDIO(layout, blocks)                                                                                          \
    "{'kind':'audio','rate_hz':8000,'frame':{'length':256,'hop':80,'window':'hann'},'spectrum':'power',"               \
    "'bands':{'kind':'mel_slaney','count':4,'low_hz':0,'high_hz':4000},'log':{'kind':'ln','floor':1e-10},"             \
    "'layout':'" layout "','blocks':" blocks "}"

// Each class sees seven frames of all bands.
static void
put_events(int window)
{
    char  input[512];
    float w[3 * 4 * 7], b[3] = {-6, -0.1f, 0.05f};
    for (int i = 0; i < 3 * 4 * 7; i++)
        w[i] = 0.02f * (float)((i * 37) % 11 - 5);
    (void)snprintf(input, sizeof input, AUDIO("NFT", "{'frames':%d,'hop':%d,'left':3,'right':3,'tail':'short'}"),
                   window, window);
    mo_put_model(
        "events",
        &(ktm_text_t){.graph   = "{'inputs':[{'name':'x','shape':['N',4,'T']}],'nodes':["
                                 "{'op':'conv','in':['x','w','b'],'out':['c'],'pad':[3,3]},"
                                 "{'op':'sigmoid','in':['c'],'out':['s']},"
                                 "{'op':'transpose','in':['s'],'out':['y'],'order':[0,2,1]}],'outputs':['y']}",
                      .free    = "{'T':{'min':1,'max':100000}}",
                      .input   = input,
                      .outputs = "[{'name':'events','value':'y','per':'frame','reduce':'mean','fallback':true,"
                                 "'classes':['speech','singing','music'],'thresholds':[0.5,0.5,0.5],"
                                 "'feature':'voice.segments'}]",
                      .tensors = {{"w", KT_KTM_F32, 3, {3, 4, 7}, w, NULL}, {"b", KT_KTM_F32, 1, {3}, b, NULL}}});
}

// An LSTM: its blocks hand their states on.
static void
put_steps(int window)
{
    char  input[512];
    float w[8 * 4], r[8 * 2], b[8] = {0.1f, -0.2f};
    for (int i = 0; i < 8 * 4; i++)
        w[i] = 0.03f * (float)((i * 29) % 13 - 6);
    for (int i = 0; i < 8 * 2; i++)
        r[i] = 0.1f * (float)((i * 7) % 5 - 2);
    (void)snprintf(input, sizeof input, AUDIO("NTF", "{'frames':%d,'hop':%d,'tail':'short'}"), window, window);
    *strrchr(input, '}') = '\0';
    strcat(input, ",'states':[['h','h_out'],['c','c_out']]}");
    mo_put_model("steps",
                 &(ktm_text_t){.graph =
                                   "{'inputs':[{'name':'x','shape':['N','T',4]},{'name':'h','shape':['N',2]},"
                                   "{'name':'c','shape':['N',2]}],'nodes':[{'op':'lstm','in':['x','w','r','b','h','c'],"
                                   "'out':['y','h_out','c_out']}],'outputs':['y','h_out','c_out']}",
                               .free    = "{'T':{'min':1,'max':100000}}",
                               .input   = input,
                               .outputs = "[{'name':'steps','value':'y','per':'frame','reduce':'none'}]",
                               .tensors = {{"w", KT_KTM_F32, 2, {8, 4}, w, NULL},
                                           {"r", KT_KTM_F32, 2, {8, 2}, r, NULL},
                                           {"b", KT_KTM_F32, 1, {8}, b, NULL}}});
}

static void
put_tags(void)
{
    mo_put_model("tags", &(ktm_text_t){
                             .graph   = "{'inputs':[{'name':'x','shape':['N',50,4]}],'nodes':["
                                        "{'op':'reduce_mean','in':['x'],'out':['e'],'axes':[1]},"
                                        "{'op':'sigmoid','in':['e'],'out':['y']}],'outputs':['y','e']}",
                             .input   = AUDIO("NTF", "{'frames':50,'hop':50,'tail':'drop'}"),
                             .outputs = "[{'name':'tags','value':'y','per':'block','reduce':'mean',"
                                        "'classes':['a','b','c','d']},"
                                        "{'name':'embedding','value':'e','per':'block','reduce':'mean',"
                                        "'feature':'vectors.combined_vector'}]",
                         });
}

void
mf_head(const char *name, const char *from, int width, int values, const char *outputs)
{
    char graph[512], input[512];
    (void)snprintf(graph, sizeof graph,
                   "{'inputs':[{'name':'x','shape':['N',%d]}],'nodes':[{'op':'slice','in':['x'],'out':['y'],'axis':1,"
                   "'begin':0,'end':%d}],'outputs':['y']}",
                   width, values);
    (void)snprintf(input, sizeof input, "{'kind':'outputs','from':%s}", from);
    mo_put_model(name, &(ktm_text_t){.graph = graph, .input = input, .outputs = outputs});
}

kt_model_set_t *
mf_open(const mf_opts_t *opts)
{
    static const char *const NAMES[]   = {"events",           "steps",         "tags",
                                          "genre_classifier", "mood_detector", "speech_detector"};
    char                     yml[4096] = "models:\n  audio:\n", why[KT_CATALOGUE_WHY] = "", file[256];
    kt_model_set_t          *set = NULL;
    put_events(opts->window ? opts->window : 100);
    put_steps(opts->window ? opts->window : 100);
    put_tags();
    mf_head("genre_classifier", "[{'model':'tags','output':'tags','reduce':'rms'}]", 4, 4,
            "[{'name':'p','value':'y','per':'block','feature':'mir.genre_probabilities','fallback':true,"
            "'classes':['rock','pop','jazz','folk']}]");
    mf_head("mood_detector", "[{'model':'tags','output':'tags'}]", 4, 1,
            "[{'name':'arousal','value':'y','per':'block','feature':'mood.arousal','fallback':true}]");
    mf_head("speech_detector", "[{'model':'events','output':'events','above':'thresholds'}]", 3, 1,
            "[{'name':'s','value':'y','per':'block','feature':'perceptual.speechiness','fallback':true}]");
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        size_t at = strlen(yml);
        (void)snprintf(yml + at, sizeof yml - at, "    %s: {version: \"1.0.0\", path: %s.ktm}\n", NAMES[i], NAMES[i]);
    }
    if (opts->more)
        strcat(yml, opts->more);
    mo_put_file("models.yml", yml, strlen(yml));
    (void)snprintf(file, sizeof file, "%s/%s.ktm", mo_folder, opts->without ? opts->without : "none");
    (void)unlink(file);
    cr_assert_eq(kt_model_set_open(&set, mo_folder, &REF, why), KT_OK, "%s", why);
    for (size_t i = 0; i < kt_model_set_count(set); i++)
        cr_assert(kt_model_set_at(set, i)->model || opts->without, "%s: %s", kt_model_set_at(set, i)->name,
                  kt_model_set_at(set, i)->why);
    return set;
}
