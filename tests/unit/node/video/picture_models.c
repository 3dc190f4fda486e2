#include "tests/unit/node/video/picture_models.h"

#include "tests/unit/node/model_folder.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const kt_model_opts_t REF = {.backend = &kt_backend_ref};

// heat: red minus the mean of green and blue in blocks of 4 x 4; every face is 24 x 16 points.
static void
put_faces(const char *name)
{
    float       heat[3 * 16], zero[2 * 3 * 16] = {0};
    const float size[2] = {logf(6), logf(4)}, middle[2] = {0, 0};
    for (int i = 0; i < 3 * 16; i++)
        heat[i] = (i < 16 ? 1.0F : -0.5F) / (16 * 255);
    mo_put_model(
        name, &(ktm_text_t){.graph = "{'inputs':[{'name':'x','shape':['N',3,'H','W']}],'nodes':["
                                     "{'op':'conv','in':['x','wh'],'out':['heat'],'stride':[4,4]},"
                                     "{'op':'conv','in':['x','wz','bs'],'out':['size'],'stride':[4,4]},"
                                     "{'op':'conv','in':['x','wz','bo'],'out':['offset'],'stride':[4,4]}],"
                                     "'outputs':['heat','size','offset']}",
                            .free = "{'H':{'min':32,'max':4096,'multiple':32},'W':{'min':32,'max':4096,'multiple':32}}",
                            .input   = "{'kind':'image','size':{'mode':'stretch','multiple':32}}",
                            .outputs = "[{'name':'heat','value':'heat','per':'image'},"
                                       "{'name':'size','value':'size','per':'image'},"
                                       "{'name':'offset','value':'offset','per':'image'}]",
                            .tensors = {{"wh", KT_KTM_F32, 4, {1, 3, 4, 4}, heat, NULL},
                                        {"wz", KT_KTM_F32, 4, {2, 3, 4, 4}, zero, NULL},
                                        {"bs", KT_KTM_F32, 1, {2}, size, NULL},
                                        {"bo", KT_KTM_F32, 1, {2}, middle, NULL}}});
}

// The probability is green minus red and blue.
static void
put_finder(const char *name)
{
    const float w[3] = {-1.0F / 255, 1.0F / 255, -1.0F / 255};
    mo_put_model(name, &(ktm_text_t){
                           .graph = "{'inputs':[{'name':'x','shape':['N',3,'H','W']}],'nodes':["
                                    "{'op':'conv','in':['x','w'],'out':['c']},"
                                    "{'op':'clip','in':['c'],'out':['map'],'low':0,'high':1}],'outputs':['map']}",
                           .free  = "{'H':{'min':32,'max':2016,'multiple':32},'W':{'min':32,'max':2016,'multiple':32}}",
                           .input = "{'kind':'image','colour':'bgr','size':{'mode':'short_side','least':32,'most':2000,"
                                    "'multiple':32}}",
                           .outputs = "[{'name':'map','value':'map','per':'image'}]",
                           .tensors = {{"w", KT_KTM_F32, 4, {1, 3, 1, 1}, w, NULL}}});
}

// Of each block of 8 columns: blank is half, "a" is its mean of green.
static void
put_reader(const char *name)
{
    static float w[2 * 3 * 48 * 8];
    const float  b[2] = {0.4F, 0};
    for (int i = 0; i < 48 * 8; i++)
        w[4 * 48 * 8 + i] = 2.2F / (48 * 8 * 255);  // a bar is less than half of its grown box
    mo_put_model(
        name,
        &(ktm_text_t){.graph   = "{'inputs':[{'name':'x','shape':['N',3,48,'W']}],'nodes':["
                                 "{'op':'conv','in':['x','w','b'],'out':['c'],'stride':[48,8]},"
                                 "{'op':'reshape','in':['c'],'out':['r'],'shape':[0,2,-1]},"
                                 "{'op':'transpose','in':['r'],'out':['text'],'order':[0,2,1]}],'outputs':['text']}",
                      .free    = "{'W':{'min':320,'max':4096,'multiple':8}}",
                      .input   = "{'kind':'image','colour':'bgr','size':{'mode':'height','height':48,'least':320,"
                                 "'multiple':8}}",
                      .outputs = "[{'name':'text','value':'text','per':'image','classes':['','a']}]",
                      .tensors = {{"w", KT_KTM_F32, 4, {2, 3, 48, 8}, w, NULL}, {"b", KT_KTM_F32, 1, {2}, b, NULL}}});
}

static kt_model_set_t *
open_these(const char *yml, const char *without)
{
    char            path[256], why[KT_CATALOGUE_WHY] = "";
    kt_model_set_t *set = NULL;
    mo_put_file("models.yml", yml, strlen(yml));
    (void)snprintf(path, sizeof path, "%s/%s.ktm", mo_folder, without ? without : "none");
    (void)unlink(path);
    cr_assert_eq(kt_model_set_open(&set, mo_folder, &REF, why), KT_OK, "%s", why);
    for (size_t i = 0; i < kt_model_set_count(set); i++)
        cr_assert(kt_model_set_at(set, i)->model || without, "%s: %s", kt_model_set_at(set, i)->name,
                  kt_model_set_at(set, i)->why);
    return set;
}

static void
put_scenes(const char *name)
{
    float last[3 * 2 * 4 * 4] = {0}, between[3 * 4 * 4] = {0};
    for (int i = 0; i < 4 * 4; i++) {
        const bool left     = i % 4 < 2;
        last[i]             = left ? -1.0F / (8 * 10) : 0;  // red of a picture,
        last[4 * 4 + i]     = left ? 1.0F / (8 * 10) : 0;   // and of the next
        between[2 * 16 + i] = left ? 1.0F / (8 * 255) : 0;
    }
    mo_put_model(name,
                 &(ktm_text_t){.graph = "{'inputs':[{'name':'x','shape':['N',3,'T',4,4]}],'nodes':["
                                        "{'op':'conv','in':['x','wl'],'out':['l'],'pad':[0,0,0,1,0,0]},"
                                        "{'op':'clip','in':['l'],'out':['lc'],'low':0,'high':1},"
                                        "{'op':'reduce_mean','in':['lc'],'out':['lm'],'axes':[3,4]},"
                                        "{'op':'transpose','in':['lm'],'out':['shot_end'],'order':[0,2,1]},"
                                        "{'op':'conv','in':['x','wb'],'out':['b']},"
                                        "{'op':'reduce_mean','in':['b'],'out':['bm'],'axes':[3,4]},"
                                        "{'op':'transpose','in':['bm'],'out':['transition'],'order':[0,2,1]}],"
                                        "'outputs':['shot_end','transition']}",
                               .free  = "{'T':{'min':1,'max':64,'multiple':1}}",
                               .input = "{'kind':'frames','size':{'mode':'fixed','height':4,'width':4},'filter':'area',"
                                        "'blocks':{'frames':8,'left':4,'right':4}}",
                               .outputs = "[{'name':'shot_end','value':'shot_end','per':'frame'},"
                                          "{'name':'transition','value':'transition','per':'frame'}]",
                               .tensors = {{"wl", KT_KTM_F32, 5, {1, 3, 2, 4, 4}, last, NULL},
                                           {"wb", KT_KTM_F32, 5, {1, 3, 1, 4, 4}, between, NULL}}});
}

static kt_model_set_t *
open_set(const char *without)
{
    static const char YML[] = "models:\n  video:\n    centerface: {version: 1.0.0, path: centerface.ktm}\n"
                              "    ppocr_det: {version: 1.0.0, path: ppocr_det.ktm}\n"
                              "    ppocr_rec: {version: 1.0.0, path: ppocr_rec.ktm}\n";
    return open_these(YML, without);
}

static kt_model_set_t *
open_scene(void)
{
    static const char YML[] = "models:\n  video:\n    scene_detector: {version: 1.0.0, path: scene_detector.ktm}\n";
    return open_these(YML, NULL);
}

kt_model_set_t *
pm_open_scene(void)
{
    put_scenes("scene_detector");
    return open_scene();
}

kt_model_set_t *
pm_open_scene_swapped(void)
{
    put_finder("scene_detector");
    return open_scene();
}

kt_model_set_t *
pm_open(const char *without)
{
    put_faces("centerface");
    put_finder("ppocr_det");
    put_reader("ppocr_rec");
    return open_set(without);
}

kt_model_set_t *
pm_open_swapped(void)
{
    put_finder("centerface");
    put_faces("ppocr_det");
    put_reader("ppocr_rec");
    return open_set(NULL);
}
