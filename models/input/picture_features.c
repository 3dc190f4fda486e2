#include "models/input/picture_features.h"

#include "models/input/reader.h"

#include <math.h>
#include <stdlib.h>

enum { SCALES = 2, FEATURES = KT_BRISQUE_FEATURES / SCALES };

kt_err_t
kt_picture_features_read(kt_picture_features_kind_t *out, const kt_ktm_t *file, char why[KT_KTM_WHY])
{
    static const char *const NAMES[] = {"brisque", NULL};
    bool                     failed  = false;
    const kt_reader_t        r       = {
                     .object = kt_json_get(kt_ktm_header(file), "input"), .where = "input", .why = why, .failed = &failed};
    const int choice = kt_reader_choice(&r, "features", -1, NAMES);
    if (failed)
        return KT_EMODEL;
    *out = (kt_picture_features_kind_t)choice;
    return KT_OK;
}

// --- fits

typedef struct fit {
    double shape, mean, variance[2];  // below 0, above
} fit_t;

static double
log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

// (mean of |x|)^2 over the mean of x^2, of a generalised Gaussian; rises with the shape.
static double
ratio_of(double shape)
{
    return exp(2 * log_gamma(2 / shape) - log_gamma(1 / shape) - log_gamma(3 / shape));
}

static double
shape_of(double ratio)
{
    double low = 0.05, high = 20;
    for (int i = 0; i < 48; i++) {
        const double middle = (low + high) / 2;
        if (ratio_of(middle) < ratio)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

// False: all values are on one side of 0.
static bool
fit_of(const kt_mscn_sums_t *sums, fit_t *out)
{
    const double above = sums->count - sums->below;
    if (sums->below < 1 || above < 1 || !(sums->squares[0] > 0) || !(sums->squares[1] > 0))
        return false;
    const double variance[2] = {sums->squares[0] / sums->below, sums->squares[1] / above};
    const double magnitude   = sums->magnitudes / sums->count;
    const double plain       = magnitude * magnitude / ((sums->squares[0] + sums->squares[1]) / sums->count);
    const double g           = sqrt(variance[0] / variance[1]);
    const double shape       = shape_of(plain * (g * g * g + 1) * (g + 1) / ((g * g + 1) * (g * g + 1)));
    // The difference of both deviations times sqrt(G(1/a) / G(3/a)) G(2/a) / G(1/a), G the gamma function.
    const double scale = exp(log_gamma(2 / shape) - (log_gamma(1 / shape) + log_gamma(3 / shape)) / 2);
    *out               = (fit_t){shape, (sqrt(variance[1]) - sqrt(variance[0])) * scale, {variance[0], variance[1]}};
    return true;
}

static bool
features_of(const kt_mscn_sums_t sums[KT_MSCN_MAPS], float out[FEATURES])
{
    fit_t fit;
    if (!fit_of(&sums[0], &fit))
        return false;
    *out++ = (float)fit.shape;
    *out++ = (float)((fit.variance[0] + fit.variance[1]) / 2);
    for (int map = 1; map < KT_MSCN_MAPS; map++) {
        if (!fit_of(&sums[map], &fit))
            return false;
        *out++ = (float)fit.shape;
        *out++ = (float)fit.mean;
        *out++ = (float)fit.variance[0];
        *out++ = (float)fit.variance[1];
    }
    return true;
}

// --- pictures

struct kt_brisque {
    const kt_mscn_ops_t *ops;
    float               *room;  // both scales, a row, working memory of the kernels
    size_t               floats;
};

static size_t
floats_of(size_t width, size_t height)
{
    return kt_mscn_stride(width) * height + kt_mscn_stride(kt_mscn_half(width)) * kt_mscn_half(height) +
           kt_mscn_stride(width) + kt_mscn_scratch(width);
}

size_t
kt_brisque_bytes(uint32_t width, uint32_t height)
{
    return sizeof(kt_brisque_t) + floats_of(width, height) * sizeof(float);
}

kt_err_t
kt_brisque_new(kt_brisque_t **self_p, const kt_isa_t *isa)
{
    kt_brisque_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->ops = isa->mscn;
    *self_p   = self;
    return KT_OK;
}

void
kt_brisque_destroy(kt_brisque_t **self_p)
{
    kt_brisque_t *self = *self_p;
    if (self)
        free(self->room);
    free(self);
    *self_p = NULL;
}

static kt_err_t
room_for(kt_brisque_t *self, size_t floats)
{
    if (floats <= self->floats)
        return KT_OK;
    free(self->room);
    self->room   = calloc(floats, sizeof *self->room);  // finite behind the rows
    self->floats = self->room ? floats : 0;
    return self->room ? KT_OK : KT_ENOMEM;
}

typedef struct scale {
    float *at;
    size_t width, height, stride;
} scale_t;

static void
halve(const kt_mscn_ops_t *ops, const scale_t *from, const scale_t *to, float *row)
{
    const size_t last = from->height - 1;
    for (size_t y = 0; y < to->height; y++) {
        const float *rows[4];
        for (size_t k = 0; k < 4; k++) {
            const size_t at = 2 * y + k < 1 ? 0 : 2 * y + k - 1;
            rows[k]         = from->at + (at < last ? at : last) * from->stride;
        }
        ops->halve(rows, from->width, row, to->at + y * to->stride);
    }
}

kt_err_t
kt_brisque_compute(kt_brisque_t *self, const kt_luma_t *luma, float out[KT_BRISQUE_FEATURES])
{
    const size_t width = luma->width, height = luma->height;
    if (width < KT_BRISQUE_LEAST_SIDE || height < KT_BRISQUE_LEAST_SIDE)
        return KT_EINVAL;
    kt_err_t err = room_for(self, floats_of(width, height));
    if (err)
        return err;
    const scale_t whole = {self->room, width, height, kt_mscn_stride(width)};
    const scale_t half  = {whole.at + whole.stride * height, kt_mscn_half(width), kt_mscn_half(height),
                           kt_mscn_stride(kt_mscn_half(width))};
    float        *row = half.at + half.stride * half.height, *scratch = row + whole.stride;
    for (size_t y = 0; y < height; y++)
        self->ops->widen(luma->y + y * luma->stride, width, luma->black, luma->gain, whole.at + y * whole.stride);
    halve(self->ops, &whole, &half, row);
    kt_mscn_sums_t sums[KT_MSCN_MAPS];
    self->ops->sums(whole.at, whole.stride, width, height, scratch, sums);
    if (!features_of(sums, out))
        return KT_EINVAL;
    self->ops->sums(half.at, half.stride, half.width, half.height, scratch, sums);
    return features_of(sums, out + FEATURES) ? KT_OK : KT_EINVAL;
}
