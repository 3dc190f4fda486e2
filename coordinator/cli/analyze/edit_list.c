#include "coordinator/cli/analyze/edit_list.h"

#include "coordinator/cli/analyze/formats.h"
#include "coordinator/cli/film/changes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PICTURES_MAX 1e10  // more is no film: numbers stay exact in a double
#define SAME_RATE 3e-4     // relative; 24 and 23.976 are three times as far apart

static double
number_at(const json_t *document, kt_feature_t feature)
{
    double        number = NAN;
    const json_t *value  = kt_format_value(document, feature);
    return value && kt_json_number(value, &number) ? number : NAN;
}

// To which an editing program conforms a film of variable rate: the declared one if the mean makes it plausible, else a
// usual one.
static double
conformed_rate(double mean, double nominal)
{
    static const double USUAL[] = {24, 25, 30, 50, 60};
    size_t              i       = 0;
    if (nominal > mean / 2 && nominal < 2 * mean)
        return nominal;
    while (i + 1 < sizeof USUAL / sizeof *USUAL && USUAL[i] < mean)
        i++;
    return USUAL[i];
}

// Rates are whole numbers or those over 1.001 (SMPTE ST 12-1) where they are near; a measured rate has a rounding.
static void
set_rate(kt_edit_list_t *self, const json_t *document)
{
    const json_t *rates    = kt_format_value(document, KT_FEATURE_TECHNICAL_frame_rates);
    const json_t *variable = kt_format_value(document, KT_FEATURE_TECHNICAL_variable_frame_rate);
    double        rate     = number_at(document, KT_FEATURE_TECHNICAL_frame_rate);
    double        nominal  = kt_json_f64(rates, "nominal", NAN);
    self->variable         = variable && kt_json_boolean(variable, &self->variable) && self->variable;
    if (self->variable)
        rate = conformed_rate(rate, nominal);
    if (!(rate >= 0.5 && rate <= 1000))
        rate = 25;  // a single picture
    self->base        = llround(rate);
    const double slow = (double)self->base * 1000 / 1001;
    const bool   ntsc = fabs(rate / slow - 1) < SAME_RATE;
    self->rate_hz     = ntsc ? slow : fabs(rate / (double)self->base - 1) < SAME_RATE ? (double)self->base : rate;
    self->drop_frame  = ntsc && (self->base == 30 || self->base == 60);
}

// The film's own timecode, where its tags state one.
static void
set_start(kt_edit_list_t *self, const json_t *document)
{
    const json_t *tags = kt_format_value(document, KT_FEATURE_TECHNICAL_tags);
    unsigned      h, m, s, f;
    char          mark;
    if (sscanf(kt_json_str(tags, "timecode", ""), "%2u:%2u:%2u%c%2u", &h, &m, &s, &mark, &f) != 5 || h > 23 || m > 59 ||
        s > 59 || f >= self->base || !strchr(":;.", mark))
        return;
    self->drop_frame      = self->drop_frame && mark != ':';
    const int64_t minutes = 60 * (int64_t)h + m, dropped = self->drop_frame ? self->base / 15 : 0;
    self->start = (60 * minutes + s) * self->base + f - dropped * (minutes - minutes / 10);
}

static int64_t
picture_at(const kt_edit_list_t *self, double seconds, double first_s)
{
    const double at = (seconds - first_s) * self->rate_hz;
    return fabs(at) < PICTURES_MAX ? llround(at) : 0;
}

// Each at least one picture long, within the film.
static void
close_edits(kt_edit_list_t *self, int64_t pictures)
{
    size_t kept = 1;
    for (size_t i = 1; i < self->n; i++)
        if (self->edits[i].begin > self->edits[kept - 1].begin && self->edits[i].begin < pictures)
            self->edits[kept++] = self->edits[i];
    self->n = kept;
    for (size_t i = 0; i < kept; i++)
        self->edits[i].end = i + 1 < kept ? self->edits[i + 1].begin : pictures;
}

kt_err_t
kt_edit_list_init(kt_edit_list_t *self, const json_t *document, char why[KT_EDIT_WHY])
{
    const json_t *video = kt_format_value(document, KT_FEATURE_TECHNICAL_has_video);
    const json_t *cuts  = kt_format_value(document, KT_FEATURE_VISUAL_scene_changes);
    const json_t *shots = kt_format_value(document, KT_FEATURE_VISUAL_shots);
    bool          there = false;
    *self               = (kt_edit_list_t){0};
    if (!video || !kt_json_boolean(video, &there) || !there) {
        snprintf(why, KT_EDIT_WHY, "an edit list is of pictures");
        return KT_ENOVIDEO;
    }
    if (!cuts) {
        const json_t *reasons = kt_json_get(document, "reasons");
        snprintf(why, KT_EDIT_WHY, "no shots: %s",
                 kt_json_str(reasons, "scene_changes", kt_json_str(reasons, "visual", "")));
        return KT_ENOTFOUND;
    }
    size_t       n       = 0;
    kt_change_t *changes = kt_changes_of(document, &n);
    self->edits          = changes ? calloc(1 + n, sizeof *self->edits) : NULL;
    if (!self->edits) {
        free(changes);
        return KT_ENOMEM;
    }
    set_rate(self, document);
    set_start(self, document);
    self->n              = 1;  // from the first picture on
    const double first_s = kt_json_f64(kt_json_at(shots, 0), "begin", 0);
    const double length  = number_at(document, KT_FEATURE_TECHNICAL_video_duration);
    const double seconds = isnan(length) ? number_at(document, KT_FEATURE_TECHNICAL_duration) : length;
    for (size_t i = 0; i < n; i++) {
        kt_edit_t *edit = &self->edits[self->n++];
        edit->begin     = picture_at(self, changes[i].at_s, first_s);
        edit->from      = picture_at(self, changes[i].from_s, first_s);
        edit->to        = picture_at(self, changes[i].to_s, first_s);
        memcpy(edit->change, changes[i].kind, sizeof edit->change);
    }
    free(changes);
    const int64_t pictures = picture_at(self, seconds, 0);
    close_edits(self, pictures > 1 ? pictures : 1);
    return KT_OK;
}

void
kt_edit_list_fini(kt_edit_list_t *self)
{
    free(self->edits);
    *self = (kt_edit_list_t){0};
}

const char *
kt_edit_timecode(const kt_edit_list_t *self, int64_t picture, char out[KT_TIMECODE])
{
    int64_t number = self->start + picture;
    // Of every minute but each tenth the first numbers are left out: 2 of 30, 4 of 60 (SMPTE ST 12-1).
    if (self->drop_frame) {
        const int64_t dropped = self->base / 15, minute = 60 * self->base - dropped, ten = 10 * minute + dropped;
        const int64_t rest = number % ten;
        number += 9 * dropped * (number / ten) + (rest > dropped ? dropped * ((rest - dropped) / minute) : 0);
    }
    number %= 24 * 3600 * self->base;
    const int64_t seconds = number / self->base;
    snprintf(out, KT_TIMECODE, "%02d:%02d:%02d%c%02d", (int)(seconds / 3600), (int)(seconds / 60 % 60),
             (int)(seconds % 60), self->drop_frame ? ';' : ':', (int)(number % self->base));
    return out;
}
